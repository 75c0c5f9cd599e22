"""One row of the ledger from a flow, its permit, its meter, and what addons have noted in its metadata."""

from __future__ import annotations

from mitmproxy import http

from mitmvault.addons.attempts import ATTEMPTS
from mitmvault.core.records import record
from mitmvault.core.records.record import Record
from mitmvault.wire import meter, permits

USAGE = "mitmvault_usage"  # in the flow's metadata: what was counted


def counts(flow: http.HTTPFlow) -> bool:
    """Is it a request to a provider, or one that was refused? Else it is a page of ours."""
    named = "mitmvault_refusal" in flow.metadata or "mitmvault_user" in flow.metadata
    return permits.of(flow.request) is not None or named or meter.of(flow.request).reason is not None


def row(flow: http.HTTPFlow, way: str, now: float) -> Record:
    """The row of a flow that has ended; `now` in seconds since 1970."""
    permit, found, response = permits.of(flow.request), meter.of(flow.request), flow.response
    told, started = flow.metadata, flow.request.timestamp_start
    reason = found.reason
    if permit is None and reason is None:
        reason = told.get("mitmvault_refusal")
    elif reason is None and response is not None and told.get("mitmvault_held"):  # our answer in place of theirs
        reason = response.headers.get("x-mitmvault-reason")
    whole = len(response.raw_content or b"") if response else 0  # on its way to the client only after the hooks
    tokens = record.counted(told.get(USAGE) if permit else None)
    return Record(  # in the order of its columns: twenty names would take longer than the rest
        started,
        record.text(permit.user if permit else told.get("mitmvault_user")),
        record.text(told.get("mitmvault_session")),
        record.INQUIRY if told.get("mitmvault_inquiry") else way,
        record.text(flow.request.method[:16]),
        *record.permitted(permit),
        len(told.get(ATTEMPTS, ())) or 1 if permit else 0,
        found.status or (response.status_code if response else None),
        record.reason_of(reason),
        found.aborted,
        found.bytes_in,
        max(found.bytes_out, whole),
        _ms(started, found.first_byte or now) if response and not found.reason else None,
        _ms(started, now),
        *tokens[:5],
        tokens.tokens_source,
        tokens.cost,
        flow.id,
        found.overhead_ms,
    )


def _ms(begin: float, end: float) -> float:
    return round(max(0.0, end - begin) * 1000, 3)
