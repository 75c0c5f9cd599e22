"""A request that has arrived: its form, its credentials, the model in its body."""
