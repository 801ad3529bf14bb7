"""Matching, comparing, planning and the ledger: pure Polars, neither Dagster nor HTTP."""
