"""Jobs that follow up on a run: undo, retry, release of a held plan. And the one that deletes what is old."""
