"""The plan of one sync: the report against the org, a part of the keys at a time."""
