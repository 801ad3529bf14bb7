"""Talk to one org: sessions, faults, SOQL, cells, and a meter of the costs."""
