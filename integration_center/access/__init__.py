"""Control and record the use of the console: users, passwords, sessions, sign-in limits, the audit log."""
