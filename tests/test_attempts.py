"""Which failures are worth another attempt, and what a flow looks like between two of them."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from mitmvault.addons.attempts import ATTEMPTS, Plan
from mitmvault.addons.grants import grant
from mitmvault.core.answer.attempts import LONGEST_WAIT, Attempt, Failure, asked_wait, expand, following
from mitmvault.core.configuration.vault import Key
from mitmvault.core.decide import decide
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit
from mitmvault.wire import permits, retry
from tests.test_gate import BEARER, flow_of, gate, passed
from tests.worlds import JSON, PROVIDERS, arrival, bearer, chat, through_gateway, world


def step(keys: int = 1, provider: str = "groq", model: str = "cheap") -> Permit:
    made = decide(world(), arrival(f"/{provider}/v1/chat/completions", bearer(), JSON), chat(model))
    assert isinstance(made, Permit)
    some = tuple(dataclasses.replace(made.keys[0], secret=Secret(f"{provider}-made-up-key-{n}")) for n in range(keys))
    return dataclasses.replace(made, keys=some)


def names(plan: tuple[Permit, ...]) -> list[str]:
    return [permit.keys[0].secret.reveal()[-1] for permit in plan]


def course(plan: tuple[Permit, ...], *failures: int | Failure | None) -> list[tuple[int, float]]:
    """What is tried after each of these failures, until one is final."""
    found, made, index = [], (), 0
    for failure in failures:
        made += (Attempt(index, failure if isinstance(failure, Failure) else Failure(failure)),)
        step = following(plan, made)
        if step is None:
            break
        found.append(step)
        index = step[0]
    return found


def test_expand_turns_the_keys_of_each_step():
    plan = expand((step(2), step(1, "openai")), 3)
    assert names(plan) == ["0", "1", "0", "1", "0", "0", "0", "0"]
    assert [permit.provider for permit in plan] == ["groq"] * 4 + ["openai"] * 4
    assert names(expand((step(3),), 0)) == ["0"]
    assert all(isinstance(key, Key) for permit in plan for key in permit.keys) and len(plan[1].keys) == 2


@pytest.mark.parametrize("status", [401, 402, 429, 500, 502, 503, 504, 529, None])
def test_another_key_is_tried_at_once(status):
    assert course(expand((step(3),), 2), status, status, status)[:2] == [(1, 0.0), (2, 0.0)]


@pytest.mark.parametrize("status", [100, 200, 302, 400, 403, 404, 408, 409, 413, 422, 501, 505, 599])
def test_what_would_be_the_same_again_is_final(status):
    assert course(expand((step(3),), 2), status) == []


def listed(*steps: Permit) -> tuple[Permit, ...]:
    """The steps of a client's own list."""
    return tuple(dataclasses.replace(permit, step=number) for number, permit in enumerate(steps))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 422, 429, 500, 501, 503, 599, None])
def test_a_clients_next_step_is_tried_after_any_failure(status):
    for plan in (listed(step(), step(1, "openai"), step(1, "gemini")), listed(step(1), step(1, "openai"), step(1))):
        found = course(plan, status, status)
        assert found[0] == (1, 0.0)
        assert found[1:] == ([] if status in (401, 402) and plan[2].provider == "groq" else [(2, 0.0)])


@pytest.mark.parametrize("status", [100, 200, 204, 302, 399])
def test_a_clients_next_step_is_not_tried_after_an_answer(status):
    assert course(listed(step(), step(1, "openai")), status) == []


def test_a_steps_own_keys_come_before_the_next_step():
    plan = expand(listed(step(2), step(1, "openai")), 1)
    assert course(plan, 429, 429) == [(1, 0.0), (2, 0.0)]
    assert course(plan, 400) == [(2, 0.0)]  # another key would be told the same


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529, None])
def test_the_same_key_is_tried_after_a_doubling_wait(status):
    waits = [wait for _, wait in course(expand((step(1),), 10), *[status] * 11)]
    assert waits == [0.25, 0.5, 1, 2, 4, 5, 5, 5, 5, 5]


@pytest.mark.parametrize("status", [401, 402])
def test_a_rejected_key_is_not_tried_again(status):
    assert course(expand((step(1),), 5), status) == []
    assert course(expand((step(2),), 5), status, status) == [(1, 0.0)]
    # the other one is busy: it is waited for, and the rejected one is passed over
    assert course(expand((step(2),), 5), status, 429, 503) == [(1, 0.0), (3, 0.25), (5, 0.5)]


def test_a_key_that_is_rejected_after_all_others_were_busy_is_final():
    assert course(expand((step(2),), 5), 429, 401) == [(1, 0.0)]


@pytest.mark.parametrize(("asked", "waits"), [(0, [0]), (0.5, [0.5]), (5, [5]), (5.001, []), (60, [])])
def test_what_the_provider_asks_for_is_done_if_it_is_short(asked, waits):
    assert [wait for _, wait in course(expand((step(1),), 1), Failure(429, asked))] == waits


def test_a_long_wait_does_not_keep_another_key_waiting():
    assert course(expand((step(2),), 3), Failure(429, 3600), Failure(429, 3600)) == [(1, 0.0)]


def test_a_long_wait_leads_to_the_next_step():
    plan = expand((step(1), step(1, "openai")), 2)
    assert course(plan, Failure(429, 3600), 500) == [(3, 0.0), (4, 0.25)]
    assert course(plan, 401, 401) == [(3, 0.0)]


def test_another_model_at_the_same_key_is_another_attempt():
    first, second = step(1, model="cheap"), step(1, model="small-1")
    assert course((first, second), 429) == [(1, 0.0)]
    assert course((first, second), 401) == []


def test_there_is_no_end_without_retries():
    assert course(expand((step(3),), 0), 429) == []


STATUSES = st.sampled_from([200, 400, 401, 402, 403, 429, 500, 503, 529, None])
FAILURES = st.builds(Failure, STATUSES, st.one_of(st.none(), st.floats(0, 100)))


@given(st.integers(1, 4), st.integers(0, 10), st.lists(FAILURES, min_size=12, max_size=12))
def test_every_course_ends_and_never_waits_long(keys, retries, failures):
    found = course(expand((step(keys),), retries), *failures)
    assert len(found) <= retries
    assert [index for index, _ in found] == sorted({index for index, _ in found})
    assert all(0 <= wait <= LONGEST_WAIT for _, wait in found)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, float("inf")),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:02 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 2),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:09 GMT"}, 0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "today"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00"}, None),
        ({"retry-after": "Wed, 99 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
    ],
)
def test_asked_wait(headers, seconds):
    assert asked_wait(headers) == seconds
    assert Failure.of(429, http.Headers(**{n.replace("-", "_"): v for n, v in headers.items()})).wait == seconds


# -- the flow


def asked(flow):
    """What the wire ring would ask."""
    return flow.request.__dict__[retry._NEXT]


def label(flow) -> str:
    return flow.request.headers["authorization"]


def test_the_flow_after_a_failure():
    flow = passed(gate(world(configured="retry: 2")), flow_of("/groq/v1/x", BEARER, ("X-Other", "1")))
    before = flow.request.headers.copy()
    assert "attempts" not in flow.comment and ATTEMPTS not in flow.metadata
    assert asked(flow)(http.Response.make(429, b"", {"retry-after": "60"})) == 0
    assert label(flow) == "Bearer [groq #3 …0003]" and permits.of(flow.request).keys[0].label == "#3 …0003"
    assert flow.comment.endswith("key #3 …0003 · 2 attempts")
    first = {"provider": "groq", "key": "#1 …0001", "status": 429, "wait": 60.0}
    assert flow.metadata[ATTEMPTS] == [first, {"provider": "groq", "key": "#3 …0003"}]
    before["authorization"] = label(flow)
    assert flow.request.headers == before and flow.request.raw_content == chat()
    assert asked(flow)(None) == 0.25
    assert label(flow) == "Bearer [groq #1 …0001]" and flow.comment.endswith("key #1 …0001 · 3 attempts")
    assert asked(flow)(http.Response.make(503)) is None
    assert flow.metadata[ATTEMPTS] == [
        first,
        {"provider": "groq", "key": "#3 …0003", "failure": "no answer"},
        {"provider": "groq", "key": "#1 …0001", "status": 503},
    ]
    json.dumps(flow.get_state()["metadata"])


def test_an_answer_that_counts_at_once_leaves_no_trace():
    flow = passed(gate(world(configured="retry: 2")), flow_of("/groq/v1/x", BEARER))
    comment, headers = flow.comment, flow.request.headers.copy()
    assert asked(flow)(http.Response.make(200)) is None
    assert (flow.comment, flow.request.headers) == (comment, headers) and ATTEMPTS not in flow.metadata


def test_the_counter_moves_once_for_a_request():
    addon = gate(world(configured="retry: 2"))
    first = passed(addon, flow_of("/groq/v1/x", BEARER))
    asked(first)(None)
    labels = [label(passed(addon, flow_of("/groq/v1/x", BEARER))) for _ in range(2)]
    assert labels == ["Bearer [groq #3 …0003]", "Bearer [groq #1 …0001]"]


@pytest.mark.parametrize(
    ("configured", "extra", "method", "body"),
    [
        ("", (), "POST", None),
        ("retry: 0", (), "POST", None),
        ("retry: 2", (("Upgrade", "websocket"), ("Connection", "Upgrade")), "GET", b""),
    ],
)
def test_nothing_to_ask(configured, extra, method, body):
    flow = passed(
        gate(world(configured=configured)), flow_of("/groq/v1/realtime", BEARER, *extra, method=method, body=body)
    )
    assert permits.of(flow.request) and asked(flow) is None


def test_an_edited_body_and_what_an_operator_edits_later():
    flow = passed(gate(through_gateway(configured="retry: 1")), flow_of("/groq/v1/chat/completions", BEARER))
    flow.request.content = b'{"model": "groq/edited by hand"}'
    assert asked(flow)(None) == 0
    assert flow.request.raw_content == b'{"model": "groq/edited by hand"}'
    assert flow.request.headers.get_all("content-length") == [str(len(flow.request.raw_content))]


def test_steps_with_bodies_of_their_own():
    flow = flow_of("/groq/v1/x", BEARER)
    unedited, edited = step(1), dataclasses.replace(step(1, "openai"), body=b'{"model":"longer-than-before"}')
    at = arrival("/groq/v1/x", bearer(), JSON)
    plan = Plan(flow, (edited, unedited, edited), lambda permit: grant(flow, at, permit))
    plan.start()
    seen = [(flow.request.host, flow.request.raw_content)]
    while asked(flow)(None) is not None:
        seen.append((flow.request.host, flow.request.raw_content))
        assert flow.request.headers.get_all("content-length") == [str(len(flow.request.raw_content))]
    assert seen == [("api.openai.com", edited.body), ("api.groq.com", chat()), ("api.openai.com", edited.body)]


def test_a_grant_that_fails_ends_it(caplog):
    flow, granted = flow_of(), []

    def breaks(permit):
        if granted:
            raise RuntimeError("sk-secret")
        granted.append(permit)

    plan = Plan(flow, expand((step(2),), 1), breaks)
    plan.start()
    assert plan.next(None) is None
    assert "Plan.next failed: RuntimeError" in caplog.text and "sk-secret" not in caplog.text


def test_a_replay_begins_anew():
    flow = flow_of("/groq/v1/x", BEARER)
    flow.metadata[ATTEMPTS] = ["of its first life"]
    retry.set_next_attempt(flow.request, lambda failed: 0.0)
    passed(gate(), flow)
    assert asked(flow) is None and ATTEMPTS not in flow.metadata


# -- keys that stand in a body, and keys that the gateway has itself


def universal(configured: str = "retry: 2"):
    bare = "https://gateway.ai.cloudflare.com/v1/{account}/main"
    groq = PROVIDERS["groq"] | {"gatewayEndpoint": bare, "gatewayMode": "universal"}
    return world(PROVIDERS | {"groq": groq}, gateway=True, configured=configured)


def test_a_body_with_every_key_in_it_is_sent_again_as_it_was():
    flow = passed(gate(universal()), flow_of("/groq/v1/chat/completions", BEARER))
    permit, body = permits.of(flow.request), flow.request.raw_content
    assert len(permit.slots) == 2
    assert asked(flow)(http.Response.make(429)) == 0.25
    again = permits.of(flow.request)
    assert (again.slots, again.body, flow.request.raw_content) == (permit.slots, body, body)
    assert flow.comment.endswith("keys groq #1 …0001, groq #3 …0003 · 2 attempts")
    assert flow.metadata[ATTEMPTS][0] == {"provider": "groq", "key": "groq #1 …0001, groq #3 …0003", "status": 429}
    assert asked(flow)(http.Response.make(401)) is None  # all of them


def test_an_edited_body_does_not_become_one_that_keys_are_written_into():
    flow = passed(gate(universal()), flow_of("/groq/v1/chat/completions", BEARER))
    body = flow.request.raw_content
    flow.request.content = b"x" * len(body)
    assert asked(flow)(None) == 0.25
    assert permits.of(flow.request).body == flow.request.raw_content == body


def test_without_a_key_of_ours():
    plan = expand((dataclasses.replace(step(1), keys=()),), 2)
    assert len(plan) == 3
    assert course(plan, 503, None) == [(1, 0.25), (2, 0.5)]
    assert course(plan, 401) == []
    assert plan[0].key_label == "of the gateway"
