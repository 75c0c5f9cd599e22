"""The environment of a program that is to work through mitmvault."""
