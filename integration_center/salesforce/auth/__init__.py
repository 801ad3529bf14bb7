"""Sign-in with OAuth, and what is believed of its answers."""
