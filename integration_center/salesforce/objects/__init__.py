"""Describe objects, check what the user may do, and build the package of fields to create."""
