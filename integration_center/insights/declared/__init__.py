"""What `report.yaml` declares of a file, and how its cells are read by that."""
