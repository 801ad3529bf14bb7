"""What Salesforce stores of a value, type by type."""
