"""What mitmvault answers itself."""
