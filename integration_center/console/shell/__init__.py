"""What every page of the console stands on: the application, its security, sessions and rendering."""
