"""What may be wrong on a machine, and what to do about it."""
