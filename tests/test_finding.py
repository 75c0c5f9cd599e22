"""What counts as failed."""

from mitmvault.core.doctor.finding import FAIL, NOTE, OK, WARN, Finding, failed, of


def test_only_failures_fail():
    found = [Finding("a", "b", status, "") for status in (OK, NOTE, WARN)]
    assert not failed(found) and failed([*found, Finding("a", "b", FAIL, "")])


def test_a_remedy_is_for_what_is_wrong():
    assert of("a", "b", None, "good", "mend") == Finding("a", "b", OK, "good")
    assert of("a", "b", "bad", "good", "mend", WARN) == Finding("a", "b", WARN, "bad", "mend")
