"""Delimited text: bytes of a file to a table of text, or an error that says where they are no table."""
