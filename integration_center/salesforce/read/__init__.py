"""Read the records of an object in the cheapest way, and keep a snapshot of them from run to run."""
