"""Where report files are dropped: a folder, object storage, an SFTP server."""
