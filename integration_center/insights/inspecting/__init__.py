"""Finds out what a file is, and which `report.yaml` reads it."""
