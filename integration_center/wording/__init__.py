"""Prepare texts for people: printable, without secrets, with a suggestion for a misspelt name."""
