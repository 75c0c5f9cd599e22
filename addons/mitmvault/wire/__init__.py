"""The only files that touch mitmproxy internals. Each says what it replaces and on which versions it was checked."""
