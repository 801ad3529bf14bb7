"""Match the rows of a report with the records of an object."""
