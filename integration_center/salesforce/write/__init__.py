"""Sending records, and the looks at them before and after."""
