"""The integrations of a checkout, where `dg scaffold defs` puts them; without any, `DAGSTER_HOME` has them."""
