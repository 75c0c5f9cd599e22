"""Reference system 002: keys and tokens from the environment; pass-through, `provider/model`, AI Gateway, Universal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit
from mitmvault.home import configuration, store
from mitmvault.home.layout import Home
from tests.client import BEARER, send
from tests.provider import FakeProvider
from tests.proxy import PASSWORD, TOKEN, RunningProxy
from tests.worlds import JSON, TOKENS, arrival, bearer, world
from tests.worlds import chat as body_of

pytestmark = pytest.mark.e2e
PROXY_KEY = "proxy-key-of-system-002"
OPENAI = [f"sk-canary-env-openai-{n}" for n in range(3)]
KEYS = {
    "OPENAI_API_KEY": json.dumps(OPENAI),
    "GEMINI_API_KEY": "canary-env-gemini-a, canary-env-gemini-b",
    "ANTHROPIC_API_KEY": "sk-ant-canary-env-0001",
    "MISTRAL_API_KEY": "98765432109876",
    "COHERE_API_KEY": "canary-env-cohere-01",
}


def vault(url: str) -> dict[str, Any]:
    """Endpoints alone: the keys come from the environment."""
    return {
        "openai": {"endpoint": f"{url}/v1", "keys": []},
        "google-ai-studio": {"endpoint": f"{url}/v1beta", "keys": []},
        "anthropic": {"endpoint": f"{url}/v1", "keys": []},
        "mistral": {"endpoint": f"{url}/v1", "keys": []},
        "cohere": {"endpoint": url, "keys": []},
        "groq": {"endpoint": f"{url}/openai/v1", "keys": [], "models": [{"id": "listed"}]},
    }


@pytest.fixture(scope="module")
def running(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    environ = {"PROXY_API_KEY": json.dumps([PROXY_KEY, "31415926"]), "DEFAULT_MODEL": "openai/gpt-default", **KEYS}
    providers = vault(provider_of_module.url)
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, environ=environ) as made:
        yield made
        made.assert_nothing_leaked(PROXY_KEY, *OPENAI, "canary-env-gemini-a", KEYS["ANTHROPIC_API_KEY"])


@pytest.fixture
def proxy(running: RunningProxy, provider: FakeProvider) -> RunningProxy:
    return running


def chat(model: str | None, **more: Any) -> dict[str, Any]:
    named = {} if model is None else {"model": model}
    return named | {"messages": [{"role": "user", "content": "hi"}], **more}


class TestAuthentication:
    """Three headers, a bare token, `?key=`; deviation: a number is a key like any other, and no key means nobody."""

    @pytest.mark.parametrize("token", [PROXY_KEY, "31415926"])
    @pytest.mark.parametrize(
        ("header", "form"),
        [("Authorization", "Bearer {}"), ("Authorization", "{}"), ("x-api-key", "{}"), ("x-goog-api-key", "{}")],
    )
    def test_carriers(self, proxy: RunningProxy, provider: FakeProvider, token: str, header: str, form: str) -> None:
        reply = send(proxy, "/openai/v1/chat/completions", chat("m"), headers={header: form.format(token)})
        (arrived,) = provider.wait_for(1)
        assert reply.status == 200 and (arrived.header("authorization") or "").removeprefix("Bearer ") in OPENAI
        assert arrived.header("x-api-key") is arrived.header("x-goog-api-key") is None

    def test_in_the_query(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        target = f"/google-ai-studio/v1beta/models/gemini-1.5-pro:generateContent?key={PROXY_KEY}"
        assert send(proxy, target, {"contents": [{"parts": [{"text": "hi"}]}]}, headers={}).status == 200
        assert provider.wait_for(1)[0].target == "/v1beta/models/gemini-1.5-pro:generateContent"

    @pytest.mark.parametrize(("token", "status"), [("", 401), ("wrong-key", 403), ("undefined", 403), ("3141592", 403)])
    def test_refused(self, proxy: RunningProxy, provider: FakeProvider, token: str, status: int) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        assert send(proxy, "/openai/v1/chat/completions", chat("m"), headers=headers).status == status
        assert provider.arrivals == []

    def test_deviation_without_a_configured_token_nobody_may_in(self) -> None:
        nobody = world(people={})
        found = decide(nobody, arrival("/openai/v1/chat/completions", bearer(), JSON), body_of())
        assert isinstance(found, Refusal) and found.status == 403

    def test_ping(self, proxy: RunningProxy) -> None:
        assert send(proxy, "/ping").body == b"Pong"
        assert send(proxy, "/ping", headers={}).status == 401


class TestKeys:
    """One key, several with commas, a JSON array; deviation: digits only is still a key, and turns are strict."""

    @pytest.mark.parametrize(
        ("target", "header", "keys"),
        [
            ("/openai/v1/chat/completions", "authorization", [f"Bearer {key}" for key in OPENAI]),
            ("/google-ai-studio/v1/chat/completions", "authorization",
             ["Bearer canary-env-gemini-a", "Bearer canary-env-gemini-b"]),
            ("/anthropic/v1/messages", "x-api-key", [KEYS["ANTHROPIC_API_KEY"]]),
            ("/mistral/v1/chat/completions", "authorization", ["Bearer 98765432109876"]),
        ],
    )  # fmt: skip
    def test_take_turns(
        self, proxy: RunningProxy, provider: FakeProvider, target: str, header: str, keys: list[str]
    ) -> None:
        assert {send(proxy, target, chat("m", max_tokens=5)).status for _ in range(2 * len(keys))} == {200}
        used = Counter(arrived.header(header) for arrived in provider.wait_for(2 * len(keys)))
        assert used == dict.fromkeys(keys, 2)

    def test_deviation_without_a_key_nothing_is_sent(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        reply = send(proxy, "/groq/v1/chat/completions", chat("m"))
        assert (reply.status, reply.reason, provider.arrivals) == (503, "no_usable_key", [])

    @pytest.mark.parametrize(
        ("prefix", "keys"), [("/key/1", [1]), ("/key/0-1", [0, 1]), ("/key/1-", [1, 2]), ("/key/-1", [0, 1])]
    )
    def test_chosen_by_number(self, proxy: RunningProxy, provider: FakeProvider, prefix: str, keys: list[int]) -> None:
        count = 2 * len(keys)
        assert {send(proxy, f"{prefix}/openai/v1/chat/completions", chat("m")).status for _ in range(count)} == {200}
        used = {arrived.header("authorization") for arrived in provider.wait_for(count)}
        assert used == {f"Bearer {OPENAI[number]}" for number in keys}

    def test_a_number_without_a_key(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        reply = send(proxy, "/key/7/openai/v1/chat/completions", chat("m"))
        assert (reply.status, reply.reason, provider.arrivals) == (400, "no_such_key", [])


class TestChat:
    """`provider/model` on the OpenAI-compatible paths."""

    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
    @pytest.mark.parametrize(
        ("model", "target", "sent"),
        [
            ("openai/gpt-4o", "/v1/chat/completions", "gpt-4o"),
            ("google-ai-studio/gemini-1.5-pro", "/v1beta/openai/chat/completions", "gemini-1.5-pro"),
            ("cohere/command-r", "/compatibility/v1/chat/completions", "command-r"),
            ("default", "/v1/chat/completions", "gpt-default"),
            (None, "/v1/chat/completions", "gpt-default"),
        ],
    )
    def test_provider_and_model(
        self, proxy: RunningProxy, provider: FakeProvider, path: str, model: str | None, target: str, sent: str
    ) -> None:
        reply = send(proxy, path, chat(model, temperature=0.5))
        (arrived,) = provider.wait_for(1)
        assert (reply.status, reply.json["choices"][0]["message"]["content"]) == (200, "pong")
        assert (arrived.target, arrived.json) == (target, chat(sent, temperature=0.5))

    @pytest.mark.parametrize("model", ["nobody/gpt-4o", "unheard-of"])
    def test_no_such_provider(self, proxy: RunningProxy, provider: FakeProvider, model: str) -> None:
        reply = send(proxy, "/v1/chat/completions", chat(model))
        assert (reply.status, provider.arrivals) == (400, [])

    @pytest.mark.parametrize("raw", [b"", b"not json", b"[1]", b'"text"'])
    def test_no_such_request(self, proxy: RunningProxy, provider: FakeProvider, raw: bytes) -> None:
        reply = send(proxy, "/v1/chat/completions", raw, headers=BEARER | {"Content-Type": "application/json"})
        assert (reply.status, provider.arrivals) == (400, [])

    def test_deviation_every_parameter_is_passed_on(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        more = {"top_logprobs": 2, "reasoning_effort": "low", "made_up": {"a": [1]}}
        assert send(proxy, "/v1/chat/completions", chat("openai/m", **more)).status == 200
        assert provider.wait_for(1)[0].json == chat("m", **more)

    def test_deviation_a_query_does_not_disturb(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/v1/chat/completions?x=1", chat("openai/m")).status == 200
        assert provider.wait_for(1)[0].target == "/v1/chat/completions?x=1"


class TestPassThrough:
    """`/provider/…` to the provider's own paths."""

    @pytest.mark.parametrize(
        ("target", "arrives"),
        [
            ("/openai/chat/completions", "/v1/chat/completions"),
            (
                "/google-ai-studio/v1beta/models/gemini-1.5-pro:generateContent",
                "/v1beta/models/gemini-1.5-pro:generateContent",
            ),
            ("/cohere/v2/chat?a=b", "/v2/chat?a=b"),
        ],
    )
    def test_native_paths(self, proxy: RunningProxy, provider: FakeProvider, target: str, arrives: str) -> None:
        provider.next(body=b'{"own":"answer"}', headers={"Content-Type": "application/json", "x-own": "1"})
        reply = send(proxy, target, {"model": "m", "contents": []})
        (arrived,) = provider.wait_for(1)
        assert (reply.status, reply.json, reply.headers["x-own"]) == (200, {"own": "answer"}, "1")
        assert (arrived.method, arrived.target, arrived.json) == ("POST", arrives, {"model": "m", "contents": []})

    def test_deviation_the_version_is_not_doubled(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/openai/v1/chat/completions", chat("m")).status == 200
        assert provider.wait_for(1)[0].target == "/v1/chat/completions"

    def test_deviation_headers_and_uploads_survive(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\x00\xff\r\n--b--\r\n'
        own = {"Content-Type": "multipart/form-data; boundary=b", "OpenAI-Organization": "org-1", "Accept": "x/y"}
        provider.next(body=b"{}")
        assert send(proxy, "/openai/v1/files", form, headers=BEARER | own).status == 200
        (arrived,) = provider.wait_for(1)
        assert {name: arrived.header(name) for name in own} == own and arrived.body == form

    def test_credentials_of_the_client_stay_here(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        target = f"/openai/v1/chat/completions?key={TOKEN}&x=1"
        assert send(proxy, target, chat("m"), headers={"x-api-key": TOKEN, "Cookie": "a=b"}).status == 200
        (arrived,) = provider.wait_for(1)
        assert (
            arrived.target == "/v1/chat/completions?x=1" and not {"Cookie", "X-Api-Key"} & dict(arrived.headers).keys()
        )


class TestModels:
    """`GET /v1/models` over all providers; deviation: what failed is named."""

    def test_failing_and_listed_providers(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        gemini, cohere = {"models": [{"name": "models/gemini-1.5-pro"}]}, {"models": [{"name": "command-r"}]}
        provider.next(body=json.dumps(gemini), when=lambda arrived: arrived.path == "/v1beta/models")
        provider.next(
            body=json.dumps(cohere),
            when=lambda arrived: arrived.header("authorization") == f"Bearer {KEYS['COHERE_API_KEY']}",
        )
        provider.next(500, body=b"{}", when=lambda arrived: arrived.header("x-api-key") is not None, times=None)
        found = send(proxy, "/v1/models").json
        names = [item["id"] for item in found["data"]]
        assert found["object"] == "list" and "mistral/demo" in names
        assert {"google-ai-studio/gemini-1.5-pro", "cohere/command-r"} <= set(names)
        assert [error["provider"] for error in found["errors"]] == ["anthropic"]
        assert not any(name.startswith(("groq/", "anthropic/")) for name in names)

    def test_the_same_without_v1_and_with_a_query(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/models?x=1").status == 200

    def test_of_one_provider(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        provider.next(body=b'{"data":[]}')
        assert send(proxy, "/mistral/models").json == {"data": []}
        assert provider.wait_for(1)[0].target == "/v1/models"


class TestRetry:
    """RETRY; deviation: every attempt has another key, and no gateway is needed."""

    @pytest.fixture(scope="class")
    def retrying(self, running: RunningProxy) -> Iterator[None]:
        """RETRY=2, which is read when the proxy loads its world."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RETRY", "2")
            running.home.settings.write_text("# loads everything anew\n")
            yield
        running.home.settings.write_text("")

    def test_next_key_answers(self, proxy: RunningProxy, provider: FakeProvider, retrying: None) -> None:
        provider.next(429, body=b"{}")
        provider.next(401, body=b"{}")
        assert send(proxy, "/openai/v1/chat/completions", chat("m")).json["choices"]
        used = [arrived.header("authorization") for arrived in provider.wait_for(3)]
        assert sorted(used) == sorted(f"Bearer {key}" for key in OPENAI)  # type: ignore[type-var]

    def test_the_last_answer_is_the_clients(self, proxy: RunningProxy, provider: FakeProvider, retrying: None) -> None:
        provider.next(429, {"x-last": "1"}, b'{"error":1}', times=3)
        reply = send(proxy, "/openai/v1/chat/completions", chat("m"))
        assert (reply.status, reply.json, reply.headers["x-last"]) == (429, {"error": 1}, "1")
        assert len(provider.wait_for(3)) == 3


AIG = "cf-aig-canary-of-002"


class TestGateway:
    """With CLOUDFLARE_ACCOUNT_ID and AI_GATEWAY_NAME; deviation: compat and provider-native addresses."""

    @pytest.fixture
    def ask(self, tmp_path: Path) -> Any:
        """A verdict about a target, in the world that an empty vault and these variables make."""
        home = Home(tmp_path)
        store.save_vault_document(home, {"version": 1, "providers": {}}, Secret(PASSWORD))
        store.save_users_document(home, {"alice": {"key": TOKENS["alice"]}})
        common = {"AI_JSON_CRYPTOKEN": PASSWORD, "CLOUDFLARE_ACCOUNT_ID": "acct", "AI_GATEWAY_NAME": "main",
                  "OPENAI_API_KEY": "sk-env-openai-01", "GEMINI_API_KEY": "env-gemini-0001", "HUGGINGFACE_API_KEY": "hf-env-01"}  # fmt: skip
        return lambda target, **environ: decide(
            configuration.load(home, common | environ), arrival(target, bearer(), JSON), body_of("m")
        )

    @pytest.mark.parametrize(
        ("target", "arrives", "model"),
        [
            ("/openai/chat/completions", "/v1/acct/main/compat/chat/completions", "openai/m"),
            ("/openai/v1/embeddings", "/v1/acct/main/openai/embeddings", "m"),
            ("/google-ai-studio/v1beta/models/g:generateContent",
             "/v1/acct/main/google-ai-studio/v1beta/models/g:generateContent", "g"),
            ("/g/other/openai/v1/embeddings", "/v1/acct/other/openai/embeddings", "m"),
        ],
    )  # fmt: skip
    def test_addresses(self, ask: Any, target: str, arrives: str, model: str) -> None:
        found = ask(target, CF_AIG_TOKEN=AIG)
        assert isinstance(found, Permit), found
        assert (found.target.authority, found.target.path) == ("gateway.ai.cloudflare.com", arrives)
        assert found.model and found.model.sent == model
        assert found.target.gateway_token and found.target.gateway_token.reveal() == AIG

    def test_without_a_token_none_is_sent(self, ask: Any) -> None:
        found = ask("/openai/v1/embeddings")
        assert isinstance(found, Permit) and found.target.host == "gateway.ai.cloudflare.com"
        assert [credential.header for credential in found.credentials()] == ["authorization"]

    def test_deviation_a_provider_unknown_to_the_gateway_is_reached_directly(self, ask: Any) -> None:
        found = ask("/huggingface/v1/chat/completions", CF_AIG_TOKEN=AIG)
        assert isinstance(found, Permit) and found.target.host == "router.huggingface.co"

    def test_the_account_alone_is_no_gateway(self, ask: Any) -> None:
        found = ask("/openai/v1/embeddings", AI_GATEWAY_NAME="")
        assert isinstance(found, Permit) and found.target.host == "api.openai.com"


class TestUniversal:
    """`POST /` with steps; deviation: each step has another key, and without a gateway the fallback is ours."""

    STEPS = (
        {"provider": "openai", "endpoint": "chat/completions", "query": {"model": "gpt-4o", "messages": []}},
        {"provider": "mistral", "endpoint": "v1/chat/completions", "headers": {"Authorization": "Bearer of-the-client"},
         "query": {"model": "mistral-small", "messages": []}},
        {"query": {"model": "openai/gpt-4o-mini", "messages": []}},
    )  # fmt: skip

    def test_deviation_without_a_gateway_the_next_step_answers(
        self, proxy: RunningProxy, provider: FakeProvider
    ) -> None:
        provider.next(500, body=b"{}")
        provider.next(404, body=b"{}")
        provider.next(body=b'{"third":1}')
        reply = send(proxy, "/", list(self.STEPS))
        assert (reply.status, reply.json, reply.headers["cf-aig-step"]) == (200, {"third": 1}, "2")
        arrived = provider.wait_for(3)
        assert [one.target for one in arrived] == ["/v1/chat/completions"] * 3
        assert [one.json["model"] for one in arrived] == ["gpt-4o", "mistral-small", "gpt-4o-mini"]
        keys = [one.header("authorization") for one in arrived]
        assert keys[1] == "Bearer 98765432109876" and keys[0] != keys[2]
        assert {keys[0], keys[2]} <= {f"Bearer {key}" for key in OPENAI}

    def test_with_a_gateway_it_gets_the_steps(self, provider: FakeProvider, proxy: RunningProxy) -> None:
        keys = [{"key": key} for key in OPENAI[:2]]
        entry = {"gatewayEndpoint": f"{provider.url}/v1/acct/main/compat", "gatewayKey": AIG}
        before = proxy.home.vault.read_bytes()
        proxy.write_vault({"openai": entry | {"keys": keys}, "mistral": entry | {"keys": [{"key": "sk-mistral-01"}]}})
        provider.next(body=b'{"ok":1}', headers={"cf-aig-step": "1"})
        reply = send(proxy, "/", list(self.STEPS))
        proxy.home.vault.write_bytes(before)
        (arrived,) = provider.wait_for(1)
        assert (reply.json, reply.headers["cf-aig-step"], arrived.target) == ({"ok": 1}, "1", "/v1/acct/main")
        assert arrived.header("cf-aig-authorization") == f"Bearer {AIG}"
        steps = arrived.json
        assert [step["provider"] for step in steps] == ["openai", "mistral", "openai"]
        assert [step["endpoint"] for step in steps] == ["chat/completions", "v1/chat/completions", "chat/completions"]
        assert [step["query"]["model"] for step in steps] == ["gpt-4o", "mistral-small", "gpt-4o-mini"]
        sent = [step["headers"]["authorization"] for step in steps]
        assert sent[1] == "Bearer sk-mistral-01" and {sent[0], sent[2]} == {f"Bearer {key}" for key in OPENAI[:2]}

    @pytest.mark.parametrize("steps", [[], [{}], [{"provider": "nobody", "query": {}}], [{"provider": "openai"}]])
    def test_refused(self, proxy: RunningProxy, provider: FakeProvider, steps: list[Any]) -> None:
        assert (send(proxy, "/", steps).status, provider.arrivals) == (400, [])
