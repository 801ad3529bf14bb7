"""Lists what Polars raises, to be caught where its input comes from outside."""

import polars as pl

POLARS_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What a query raises. On some input Polars panics, and that is no `Exception`."""
UNREADABLE = (*POLARS_ERRORS, OSError)
"""What reading a file raises when it is damaged, or cannot be opened."""
