"""The home directory: where the vault, the users and the certificate authority live, and how they are written."""
