"""Read files within limits, write them completely or not at all, and check YAML for surprises."""
