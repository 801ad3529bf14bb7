"""The integrations as files: read, written with their comments kept, refused when changed meanwhile."""
