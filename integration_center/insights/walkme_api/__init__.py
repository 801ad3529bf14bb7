"""Reports from an API that follows WalkMe's conventions."""
