"""Check whether an integration fits its report and its object, and propose fields."""
