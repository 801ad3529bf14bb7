"""Dagster's own storage, web server and code locations, and what we ask of them."""
