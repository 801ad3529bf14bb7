"""The Salesforce side: OAuth, describe, queries, Collections and Bulk API 2.0, over httpx."""
