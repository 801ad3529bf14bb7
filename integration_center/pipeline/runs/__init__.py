"""What is noted of runs: the log of syncs completed, how runs ended and were ended, what a record went through."""
