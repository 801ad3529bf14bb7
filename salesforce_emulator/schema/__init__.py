"""Objects and fields: kinds, values, identifiers."""
