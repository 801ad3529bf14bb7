"""Matching, comparing, planning and the ledger, in pure Polars, without Dagster or HTTP."""
