"""The decision: pure Python. No mitmproxy, no I/O; clocks and randomness come in as arguments."""
