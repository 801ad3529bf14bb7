"""Connected accounts: signing in, checking who may what, keeping tokens encrypted, disconnecting."""
