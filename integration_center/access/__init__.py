"""Who may use the console, and what was done: users, passwords, sessions, sign-in limits, the audit log."""
