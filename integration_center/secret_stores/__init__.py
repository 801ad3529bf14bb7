"""Secrets that a setting only names, fetched from the store that has them."""
