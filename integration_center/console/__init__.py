"""The web console: Starlette and Jinja2, rendered on the server, beside the Dagster UI."""
