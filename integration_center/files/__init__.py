"""Files read with bounds, written whole or not at all, and YAML that says what it seems to say."""
