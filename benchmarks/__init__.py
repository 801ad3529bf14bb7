"""What a sync costs the org and this machine, beside a floor and what people usually write. Run: `make bench`."""
