"""What mitmvault serves itself: the demo provider and the health answer."""
