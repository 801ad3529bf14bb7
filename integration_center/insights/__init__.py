"""Read WalkMe Insights reports as Polars frames, from file drops or the API."""
