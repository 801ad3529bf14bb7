"""Turn the bytes of delimited text into a table of text, or raise an error that says where they are not a table."""
