"""The assets of Dagster: reports, update sets, pushes, and what their steps share."""
