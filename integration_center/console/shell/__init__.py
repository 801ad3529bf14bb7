"""What every page of the console needs: the application, its security, sessions and rendering."""
