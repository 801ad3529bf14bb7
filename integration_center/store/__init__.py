"""Keep the files of one DAGSTER_HOME: frames of reports, plans and ledgers."""
