"""A dbt project on DuckDB whose marts reach Salesforce."""
