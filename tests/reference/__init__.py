"""What the four reference systems promise, as black-box tests: what reaches the provider, and what the client gets.

The numbers of the groups are those of the list in docs/reference-systems.md. Where mitmvault differs on purpose, the
test's name says `deviation`.
"""
