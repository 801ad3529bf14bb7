"""The revisions of our tables, oldest first in `versions/`. Alembic runs them; see `database.upgrading`."""
