"""The cheapest way to the records of an object, and what is kept of them from run to run."""
