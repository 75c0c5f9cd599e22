"""What is looked up when somebody asks: keys by state, never by name."""

from __future__ import annotations

from mitmvault import __version__
from mitmvault.core.records.measures import MEASURES
from mitmvault.core.records.standing import Standing, samples
from mitmvault.core.records.tally import MAX_PROVIDERS
from tests.worlds import world


def told(standing: Standing, **fields):
    return {(name, *labels): value for name, labels, value in samples(standing, world(**fields))}


def test_the_state_of_everything():
    found = told(Standing(3, True, 4, 1, False, 1700000000.5, 7, 8, False))
    assert found["mitmvault_requests_in_flight",] == 3 and found["mitmvault_ready",] == 1
    assert found["mitmvault_reloads_total", "ok"] == 4 and found["mitmvault_reloads_total", "failed"] == 1
    assert found["mitmvault_reload_ok",] == 0 and found["mitmvault_reload_timestamp_seconds",] == 1700000000.5
    assert found["mitmvault_ledger_rows_waiting",] == 7 and found["mitmvault_ledger_rows_dropped_total",] == 8
    assert found["mitmvault_ledger_ok",] == 0 and found["mitmvault_build_info", __version__] == 1
    assert found["mitmvault_users",] == 4, "erin's has expired"


def test_keys_by_state():
    found = told(Standing())
    assert found["mitmvault_keys", "groq", "usable"] == 2 and found["mitmvault_keys", "groq", "unusable"] == 1
    assert found["mitmvault_keys", "mistral", "usable"] == 0 and found["mitmvault_keys", "mistral", "unusable"] == 1
    assert not [key for key in found if "made-up" in str(key)]


def test_samples_fit_the_table():
    assert all(len(labels) == len(MEASURES[name].labels) for name, labels, _ in samples(Standing(), world()))


def test_a_huge_vault_does_not_make_a_huge_page():
    providers = {f"p{number}": {"keys": [{"key": "made-up-key-0001"}]} for number in range(MAX_PROVIDERS + 9)}
    found = told(Standing(), providers=providers)
    assert len([key for key in found if key[0] == "mitmvault_keys"]) == 2 * MAX_PROVIDERS
