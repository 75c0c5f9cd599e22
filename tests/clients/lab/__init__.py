"""The client lab: real clients, every way in, every case, judged at both ends. `scripts/clients` runs it.

`table` says who is tried, `drivers/` holds one small program for each, `stage` is the provider, `runner` starts all,
`judge` says what is right, `page` writes docs/compatibility.md.
"""
