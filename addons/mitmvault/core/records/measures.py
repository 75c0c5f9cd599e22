"""What is measured: the one table of names, kinds, labels and meanings behind `/metrics`, the dashboard and the alerts.

Rules: 1. Labels have few values, and none that a client chooses: providers as the vault names them, modes, outcomes and
          reasons from our own tables. Models, users, sessions and paths are in the ledger.
       2. Units are base units: seconds, bytes, US dollars. Counters end in `_total`, as OpenMetrics wants them.

Source of the naming: prometheus.io/docs/practices/naming.
"""

from __future__ import annotations

from dataclasses import dataclass

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)  # models think long
SHARES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


@dataclass(frozen=True)
class Measure:
    """One row of the table. `bounds` are the upper ends of a histogram's buckets; the last, infinity, is left out."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


_ROWS = (
    Measure("mitmvault_requests_total", COUNTER, "Requests that came to their end.", ("provider", "mode", "outcome")),
    Measure("mitmvault_refusals_total", COUNTER, "Requests that mitmvault refused or could not answer.", ("reason",)),
    Measure("mitmvault_inquiries_total", COUNTER, "What mitmvault asked providers itself.", ("provider", "outcome")),
    Measure("mitmvault_attempts_total", COUNTER, "Attempts that were sent, retries included.", ("provider",)),
    Measure("mitmvault_tokens_total", COUNTER, "Tokens, as the provider counts them.", ("provider", "kind")),
    Measure("mitmvault_cost_dollars_total", COUNTER, "Known cost in US dollars.", ("provider",)),
    Measure("mitmvault_uncounted_requests_total", COUNTER, "Answers of a provider to POST without a known number of "
            "tokens, or without a known cost.", ("provider", "what")),
    Measure("mitmvault_request_bytes_total", COUNTER, "Bytes of bodies that clients sent.", ("provider",)),
    Measure("mitmvault_response_bytes_total", COUNTER, "Bytes of bodies that clients got.", ("provider",)),
    Measure("mitmvault_request_duration_seconds", HISTOGRAM, "From the head of a request to the end of the answer.",
            ("provider",), SECONDS),
    Measure("mitmvault_time_to_first_byte_seconds", HISTOGRAM, "From the head of a request to the first byte of the "
            "answer's body.", ("provider",), SECONDS),
    Measure("mitmvault_overhead_seconds", HISTOGRAM, "mitmvault's own share of the time, until the answer's head left.",
            ("provider",), SHARES),
    Measure("mitmvault_requests_in_flight", GAUGE, "Requests whose head was read and whose answer has not ended."),
    Measure("mitmvault_ready", GAUGE, "1 while requests may leave."),
    Measure("mitmvault_reloads_total", COUNTER, "Loads of vault, users and settings.", ("result",)),
    Measure("mitmvault_reload_ok", GAUGE, "0 while a changed file is not used because it does not load."),
    Measure("mitmvault_reload_timestamp_seconds", GAUGE, "When what is in force was loaded, in seconds since 1970."),
    Measure("mitmvault_keys", GAUGE, "Provider keys of the vault and the environment.", ("provider", "state")),
    Measure("mitmvault_users", GAUGE, "User tokens that are valid."),
    Measure("mitmvault_ledger_rows_waiting", GAUGE, "Rows that are not written yet."),
    Measure("mitmvault_ledger_rows_dropped_total", COUNTER, "Rows that could not be written."),
    Measure("mitmvault_ledger_ok", GAUGE, "0 while the ledger cannot be written; 1 as well where none is kept."),
    Measure("mitmvault_build_info", GAUGE, "Always 1.", ("version",)),
)  # fmt: skip
MEASURES = {row.name: row for row in _ROWS}
