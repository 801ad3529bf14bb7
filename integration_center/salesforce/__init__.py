"""Talk to Salesforce over httpx: OAuth, describe, queries, Collections and Bulk API 2.0."""
