"""One org: its records, jobs, sessions, calls, and how rows are saved."""
