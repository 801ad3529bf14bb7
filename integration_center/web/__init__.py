"""What the console and the Dagster UI share as web servers: whom they answer, and how much they take."""
