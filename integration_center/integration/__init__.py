"""The model of an integration, and the condition that narrows its records."""
