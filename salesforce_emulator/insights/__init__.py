"""The Insights API, and the report drops that it serves."""
