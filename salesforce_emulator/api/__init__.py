"""The REST resources that answer data requests."""
