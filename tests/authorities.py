"""A home with a certificate authority."""

from __future__ import annotations

from pathlib import Path

from mitmvault.home import authority
from mitmvault.home.layout import Home


def home_with_authority(path: Path) -> Home:
    """Make one."""
    path.mkdir(mode=0o700)
    home = Home(path)
    authority.ensure(home)
    return home
