"""What one DAGSTER_HOME keeps as files: frames of reports, plans and ledgers."""
