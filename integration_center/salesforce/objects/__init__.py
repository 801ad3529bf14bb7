"""Objects as the org describes them, what the user may do, and the package of fields to create."""
