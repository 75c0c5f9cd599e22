"""mitmvault: mitmproxy addons that swap user tokens for real LLM provider keys on the wire."""

__version__ = "0.1.0"
