"""What Dagster loads: the dbt project and two integrations."""
