"""Carries WalkMe Insights reports into Salesforce objects, every day, through Dagster."""
