"""What starts runs: the job of an integration, schedules, arrivals, automation, sensors."""
