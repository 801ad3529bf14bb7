"""Convert report values to what Salesforce stores, type by type."""
