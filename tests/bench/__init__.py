"""What scripts/bench runs: how much mitmvault costs, measured beside bare mitmproxy."""
