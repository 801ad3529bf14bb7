"""Texts for people: made printable, without secrets, with the name that was meant."""
