"""What the steps of a run share: the line in the log, progress, errors, traces, and the one way to apply a plan."""
