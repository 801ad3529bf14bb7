"""Connect and disconnect accounts: sign in, check permissions, and keep tokens encrypted."""
