"""Our own database: its tables, the log of syncs, the leases on objects, the journal of what was sent."""
