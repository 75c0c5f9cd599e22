"""The values of a child's variables, each made of the same few facts and of what the person had set before.

Rules: 1. The user token goes into the proxy's address: it vouches for whatever key the program sends in the tunnel.
       2. Where two values can stand together, the person's own is kept: NO_PROXY, JAVA_TOOL_OPTIONS, NODE_OPTIONS.
       3. What was appended once is not appended again: `mitmvault run` within `mitmvault run` changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from mitmvault.core.configuration.spec import Spec
from mitmvault.core.setup import java_truststore

UNPROXIED = ("localhost", "127.0.0.1", "::1", "169.254.169.254")


@dataclass(frozen=True)
class Facts:
    """What the values are made of. Paths are absolute; `proxy` is an address such as http://127.0.0.1:8080."""

    proxy: str
    user: str
    token: str = field(repr=False)
    ca: str
    bundle: str
    truststore: str
    wgetrc: str
    php: str  # a directory with a configuration of PHP
    node_preload: str
    specs: tuple[Spec, ...]
    available: frozenset[str]  # names of the providers that the user may use and that have keys
    base_url: bool = False  # also set the SDKs' base URLs
    token_as_key: bool = False
    https_only: bool = False  # leave plain HTTP alone
    keep: frozenset[str] = frozenset()  # variables to leave as they are

    @property
    def key_is_token(self) -> bool:
        return self.token_as_key or self.base_url


Before = Mapping[str, str]
Maker = Callable[[Facts, Before], str | None]


def proxy(facts: Facts, before: Before) -> str:
    """The proxy's address, with the token as credentials (rule 1)."""
    parts = urlsplit(facts.proxy)
    return f"{parts.scheme}://x:{quote(facts.token, safe='')}@{parts.netloc}"


def no_proxy(facts: Facts, before: Before) -> str:
    """What is reached directly."""
    return ",".join(_unproxied(before))


def _unproxied(before: Before) -> list[str]:
    own = f"{before.get('no_proxy', '')},{before.get('NO_PROXY', '')}".split(",")
    return list(dict.fromkeys([*UNPROXIED, *(name.strip() for name in own if name.strip() not in ("", "*"))]))


def java(facts: Facts, before: Before) -> str:
    """System properties for a JVM. It has none for proxy credentials: there the key must be the token."""
    parts = urlsplit(facts.proxy)
    options = [f"-D{scheme}.proxy{what}={value}" for scheme in ("http", "https")[facts.https_only :]
               for what, value in (("Host", parts.hostname), ("Port", parts.port))]  # fmt: skip
    options += [
        f"-Dhttp.nonProxyHosts={'|'.join(_java_hosts(before))}",  # for https as well
        f"-Djavax.net.ssl.trustStore={facts.truststore}",
        "-Djavax.net.ssl.trustStoreType=jks",
        f"-Djavax.net.ssl.trustStorePassword={java_truststore.PASSWORD}",
    ]
    return _appended(before.get("JAVA_TOOL_OPTIONS", ""), " ".join(map(_java_word, options)))


def _java_hosts(before: Before) -> Iterator[str]:
    for name in _unproxied(before):
        if name == "::1":
            yield "[::1]"
        elif "/" not in name and ":" not in name:
            yield f"*{name}" if name.startswith(".") else name


def _java_word(option: str) -> str:
    return f'"{option}"' if " " in option else option


def node_options(facts: Facts, before: Before) -> str:
    """The preloaded script that teaches older Node to read the proxy variables."""
    path = facts.node_preload.replace("\\", "\\\\").replace('"', '\\"')
    return _appended(before.get("NODE_OPTIONS", ""), f'--require "{path}"')


def _appended(text: str, options: str) -> str:
    return text if options in text else f"{text} {options}".strip()


def bundle(facts: Facts, before: Before) -> str:
    """The usual authorities, the person's own and ours."""
    return facts.bundle


def wgetrc(facts: Facts, before: Before) -> str:
    """wget's configuration: the person's own, and the bundle."""
    return facts.wgetrc


def php(facts: Facts, before: Before) -> str:
    """The directories of PHP's configuration: the person's own, else the one that it has by itself (""), and ours."""
    own = before.get("PHP_INI_SCAN_DIR", "")
    return own if facts.php in own.split(":") else f"{own}:{facts.php}"


def extra(facts: Facts, before: Before) -> str:
    """Ours alone, beside what Node has; with the person's own if there are any (they are in the bundle)."""
    return facts.bundle if before.get("NODE_EXTRA_CA_CERTS") else facts.ca


def ca(facts: Facts, before: Before) -> str:
    """Our authority alone."""
    return facts.ca


def token(facts: Facts, before: Before) -> str:
    """The user token."""
    return facts.token


def always(value: str | None) -> Maker:
    """The same value whatever the facts."""
    return lambda facts, before: value
