"""One conversation with an org: sessions, faults, SOQL, cells, and what it all costs."""
