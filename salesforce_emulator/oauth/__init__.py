"""Sign-in: token and authorize endpoints, identity, consent page."""
