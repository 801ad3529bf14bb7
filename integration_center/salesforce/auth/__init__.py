"""Sign in with OAuth, and check the answers."""
