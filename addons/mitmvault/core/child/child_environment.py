"""The environment of a program that is to work through mitmvault: what is set, what is removed, and why.

Rules: 1. A real key does not reach the program: a provider's key variable that is set gets a dummy, and so do those of
          the providers that the user may use, and any variable whose value looks like one. What opens mitmvault's
          own doors is removed.
       2. The user token goes into the proxy's address; it vouches for whatever key the program sends in the tunnel.
          Where there is no tunnel (base URLs) or no proxy credentials (JVMs), the key variables hold the token itself.
       3. Where a variable replaces a program's authorities, it gets the combined bundle; where it adds, our CA alone.

Sources: PROVIDERS.md, sections 8 and 9 (tried with each client); for Deno, Cargo, Nix and pip, their documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mitmvault.core.child import child_values as make
from mitmvault.core.child.child_values import Before, Facts, Maker
from mitmvault.core.configuration import dummy_keys, environment
from mitmvault.core.configuration.spec import Spec

VARIABLE = "MITMVAULT_TOKEN"


@dataclass(frozen=True)
class Change:
    """A variable's new value, None to remove it, and why."""

    value: str | None
    why: str
    guessed: bool = False  # by the look of what stood there, not by the variable's name


def changes(facts: Facts, before: Before) -> dict[str, Change]:
    """What to change in the environment `before`, by variable. A variable that is to go stands there, set or not."""
    found = {name: Change(value(facts, before), why) for names, value, why in TABLE for name in names}
    if facts.https_only:
        found = {name: change for name, change in found.items() if name.lower() != "http_proxy"}
    found |= {name: Change(None, why) for names, why in REMOVED for name in names}
    found |= dict(_keys(facts, before))
    if facts.base_url:
        found |= dict(_base_urls(facts))
    found |= dict(_lookalikes(facts, before, found))
    return {name: change for name, change in found.items() if name not in facts.keep}


def applied(before: Before, found: Mapping[str, Change]) -> dict[str, str]:
    """The environment after these changes."""
    after = {name: value for name, value in before.items() if name not in found}
    return after | {name: change.value for name, change in found.items() if change.value is not None}


def names(specs: tuple[Spec, ...]) -> list[str]:
    """Every variable that `changes` may set or remove."""
    fixed = [name for row in TABLE for name in row[0]] + [name for row in REMOVED for name in row[0]]
    return list(dict.fromkeys([*fixed, *(name for spec in specs for name in (*spec.env, *spec.base_url_env))]))


def is_secret(name: str, specs: tuple[Spec, ...]) -> bool:
    """May the value that this variable had be a key? Then nobody keeps it in order to put it back."""
    return any(name in row[0] for row in REMOVED) or any(name in spec.env for spec in specs)


def _keys(facts: Facts, before: Before) -> Iterator[tuple[str, Change]]:
    for spec in facts.specs:
        usable = not facts.available.isdisjoint(spec.names)
        for name in spec.env:
            if not (usable or before.get(name)):
                continue  # a key that was not there, for a provider that cannot be used, would only mislead
            if facts.key_is_token and usable:
                yield name, Change(facts.token, "the user token, in place of a key")
            else:
                shape = spec.key_shape or dummy_keys.USUAL_SHAPE
                yield name, Change(dummy_keys.dummy(shape, facts.user), "a dummy of the right shape, worth nothing")


def _lookalikes(facts: Facts, before: Before, found: Mapping[str, Change]) -> Iterator[tuple[str, Change]]:
    """Variables of a program's own that hold what looks like a key."""
    shaped = sorted((spec for spec in facts.specs if spec.key_shape), key=_length_of_prefix, reverse=True)
    for name, value in before.items():
        spec = next((spec for spec in shaped if dummy_keys.looks_like(spec.key_shape, value)), None)
        if spec and name not in found and value != facts.token:
            usable = facts.key_is_token and not facts.available.isdisjoint(spec.names)
            instead = facts.token if usable else dummy_keys.dummy(spec.key_shape, facts.user)
            yield name, Change(instead, f"held what looks like a key of {spec.id}", guessed=True)


def _length_of_prefix(spec: Spec) -> int:
    return spec.key_shape.index("{")


def _base_urls(facts: Facts) -> Iterator[tuple[str, Change]]:
    for spec in facts.specs:
        if not facts.available.isdisjoint(spec.names):
            for name, path in spec.base_url_env.items():
                yield name, Change(facts.proxy + path, "base URL, as this provider's SDK writes it")


TABLE: tuple[tuple[tuple[str, ...], Maker, str], ...] = (
    (("HTTPS_PROXY", "https_proxy"), make.proxy, "clients read the one or the other; gRPC the lower case alone"),
    (("HTTP_PROXY", "http_proxy"), make.proxy, "for plain HTTP; curl reads the lower case alone"),
    (("ALL_PROXY", "all_proxy"), make.always(None), "another proxy would lead around this one"),
    (("NO_PROXY", "no_proxy"), make.no_proxy, "this machine and the clouds' metadata services"),
    (("SSL_CERT_FILE",), make.bundle, "OpenSSL, httpx, urllib, aiohttp, Ruby, PHP, Go: replaces the store"),
    (("REQUESTS_CA_BUNDLE",), make.bundle, "Python requests: replaces certifi"),
    (("CURL_CA_BUNDLE",), make.bundle, "curl, and requests again"),
    (("AWS_CA_BUNDLE",), make.bundle, "boto3 and the AWS tools"),
    (("PIP_CERT",), make.bundle, "pip"),
    (("HTTPLIB2_CA_CERTS", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"), make.bundle, "Google's older clients, and gcloud"),
    (("GIT_SSL_CAINFO",), make.bundle, "git"),
    (("GIT_HTTP_PROXY_AUTHMETHOD",), make.always("basic"), "git sends a proxy's credentials on demand only, otherwise"),
    (("CARGO_HTTP_CAINFO",), make.bundle, "cargo"),
    (("NIX_SSL_CERT_FILE",), make.bundle, "programs from Nix, which prefer it to SSL_CERT_FILE"),
    (("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",), make.bundle, "gRPC, such as xAI's SDK"),
    (("WGETRC",), make.wgetrc, "wget with GnuTLS reads no variable for authorities: its configuration names them"),
    (("PHP_INI_SCAN_DIR",), make.php, "PHP's curl extension reads no variable for authorities, but configurations"),
    (("PERL_LWP_SSL_CA_FILE",), make.bundle, "Perl's LWP: replaces the store"),
    (("PERL_LWP_ENV_PROXY",), make.always("1"), "Perl's LWP reads proxy variables only where it is told to"),
    (("NODE_EXTRA_CA_CERTS",), make.extra, "Node and Bun: adds to the store"),
    (("NODE_USE_ENV_PROXY",), make.always("1"), "Node from 22.21 and 24.5 on: read HTTPS_PROXY"),
    (("NODE_OPTIONS",), make.node_options, "Node reads proxy variables late or never: https and fetch are taught to"),
    (("DENO_CERT",), make.ca, "Deno: adds to the store"),
    (("DENO_TLS_CA_STORE",), make.always("mozilla,system"), "Deno: trust what this machine trusts"),
    (("JAVA_TOOL_OPTIONS",), make.java, "JVMs read no proxy variables, and have a truststore of their own"),
    ((VARIABLE,), make.token, "for programs that know mitmvault"),
)  # fmt: skip

REMOVED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("AI_JSON_CRYPTOKEN",), "opens the vault"),
    (environment.GATEWAY_TOKENS, "opens the gateway"),
    (environment.TOKENS, "user tokens of whoever runs the proxy"),
    (("OPENAI_ADMIN_KEY", "ANTHROPIC_AUTH_TOKEN", "AZURE_OPENAI_AD_TOKEN"), "credentials that SDKs prefer to a key"),
)  # fmt: skip
