"""Where a request goes, and with which key: from an arrival to a permit."""
