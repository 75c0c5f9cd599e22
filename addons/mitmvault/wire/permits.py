"""The permit travels on the request object itself.

A Python attribute is not serialised, and a copied or replayed request does not have it: a copy without a permit is
refused on the wire instead of being sent with somebody's key (11.0.2 and 12.2.3: `Message.copy` goes through state).
"""

from __future__ import annotations

from mitmproxy.http import Request

from mitmvault.core.verdict import Permit

_ATTRIBUTE = "_mitmvault_permit"
_GIVEN = "_mitmvault_permits_given"


def attach(request: Request, permit: Permit) -> None:
    """Let this request leave, to where the permit says; an earlier attempt's permit is not in force any more."""
    setattr(request, _ATTRIBUTE, permit)
    setattr(request, _GIVEN, (*given(request), permit))


def detach(request: Request) -> None:
    """Take the permit back."""
    request.__dict__.pop(_ATTRIBUTE, None)


def of(request: Request) -> Permit | None:
    """The permit of a request, if it has one."""
    return request.__dict__.get(_ATTRIBUTE)


def given(request: Request) -> tuple[Permit, ...]:
    """Every permit the request ever had: a provider may repeat the key of an earlier attempt."""
    return request.__dict__.get(_GIVEN, ())
