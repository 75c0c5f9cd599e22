"""The options of mitmproxy that our promises rest on: set, and kept from being unset. (SECURITY P3, P7)"""

from __future__ import annotations

from typing import Any

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from mitmvault.wire import modes

# Set at load. Each with its reason.
SET: dict[str, Any] = {
    "connection_strategy": "lazy",  # dial nothing before the request is authenticated and routed
    "rawtcp": False,  # what is not HTTP inside a tunnel is not passed on
    "block_global": False,  # who may connect is a matter of tokens, not of address classes
    "http3": False,
}
# Refused at any time: (option, the only value allowed, reason).
KEPT: tuple[tuple[str, Any, str], ...] = (
    ("ssl_insecure", False, "provider keys go to verified TLS only"),
    ("proxy_debug", False, "it prints outgoing bytes, keys included"),
    ("validate_inbound_headers", True, "it stops request smuggling"),
    ("stream_large_bodies", None, "use body_limit in mitmvault.yaml"),
    ("body_size_limit", None, "it cuts answers; use body_limit in mitmvault.yaml"),
    ("connection_strategy", "lazy", "nothing may be dialled before a request is authenticated"),
    ("rawtcp", False, "tunnels carry TLS or HTTP only"),
)


class Posture:
    """Declares our options and keeps mitmproxy's in a safe state."""

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "mitmvault_home", str, "", "Home directory of mitmvault; default $MITMVAULT_HOME, else ~/.mitmvault."
        )
        known = {name: value for name, value in SET.items() if name in ctx.options}
        if not ctx.options.listen_host:  # mitmproxy's default is every interface; ask for that by name: 0.0.0.0
            known["mode"] = modes.on_loopback(ctx.options.mode, ctx.options.listen_port)
        ctx.options.update(**known)

    def configure(self, updated: set[str]) -> None:
        for name, wanted, reason in KEPT:
            if name in updated and getattr(ctx.options, name) != wanted:
                raise exceptions.OptionsError(f"mitmvault needs {name}={wanted}: {reason}.")
        if "mode" in updated and (unserved := modes.unserved(ctx.options.mode)):
            served = ", ".join(modes.SERVED)
            raise exceptions.OptionsError(f"mitmvault does not run in mode {unserved[0]!r}; it can: {served}.")
