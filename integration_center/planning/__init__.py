"""Plan one sync, and check integrations against the live report and org."""
