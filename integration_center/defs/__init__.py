"""The integrations of a checkout, where `dg scaffold defs` puts them. Without any, those of `DAGSTER_HOME` are loaded."""
