"""What the operator says: catalogue, vault, users, settings, environment; together they are the world."""
