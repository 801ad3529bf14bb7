"""Read the formats of report files as text: workbooks, Parquet, JSON Lines. Delimited text has a folder of its own."""
