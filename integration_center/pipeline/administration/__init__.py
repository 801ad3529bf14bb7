"""What admins do and ask: promote, stop everything, addresses, a security review, requests of a person."""
