"""Installs the wire ring, and throws its switch.

Unloading this addon, or reloading a broken entry script, leaves the wire ring in place and switched off: deny all.
"""

from __future__ import annotations

from mitmproxy.addonmanager import Loader

from mitmvault.wire import dial, dispatch, interim, key, limits, logs, meter, server, stream, switch


def install() -> None:
    """Put the wire ring in place, switched off. `mitmvault serve` does it before mitmproxy begins to listen."""
    switch.off()
    for part in (stream, meter, server, key, interim, dial, limits, logs, dispatch):
        part.install()


class Switchboard:
    """After all others in the list: when it runs, they are ready."""

    def load(self, loader: Loader) -> None:
        install()

    def running(self) -> None:
        switch.on()

    def done(self) -> None:
        switch.off()
