"""Bytes and texts of other people's forms: read strictly, written stably. Nothing here knows of providers."""
