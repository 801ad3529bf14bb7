"""Whether an integration fits its report and its object, and which fields to propose."""
