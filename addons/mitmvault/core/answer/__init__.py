"""What comes back: worth another attempt, a repeated key, the tokens that it states."""
