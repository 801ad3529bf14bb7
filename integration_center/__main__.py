"""`python -m integration_center` is the command line."""

from integration_center.cli import start

start()
