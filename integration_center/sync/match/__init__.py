"""From the rows of a report to the records of an object."""
