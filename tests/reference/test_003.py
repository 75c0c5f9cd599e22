"""Reference system 003: everything goes through Cloudflare AI Gateway, users and keys come from an encrypted vault."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mitmvault.core.secret import Secret
from mitmvault.home import store
from tests.client import BEARER, connection, send
from tests.leaks import arrival
from tests.provider import FakeProvider
from tests.proxy import PASSWORD, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
AIG_TOKEN = "cf-aig-canary-token-0003"
COMPAT = "/v1/acct/default/compat/chat/completions"
PREFIXES = {
    "groq": "groq", "sambanova": "custom-sambanova", "anthropic": "anthropic", "openai": "openai",
    "gemini": "google-ai-studio", "mistral": "mistral", "openrouter": "openrouter", "morph": "custom-morph",
}  # fmt: skip
HOSTS = {
    "groq": "api.groq.com", "sambanova": "api.sambanova.ai", "anthropic": "api.anthropic.com", "openai": "api.openai.com",
    "gemini": "generativelanguage.googleapis.com", "mistral": "api.mistral.ai", "openrouter": "openrouter.ai",
    "morph": "api.morphllm.com",
}  # fmt: skip
MODELS = {
    "groq": [
        {"id": "llama-3.3-70b-versatile", "usage": "chat", "contextWindow": 8192, "maxOutputTokens": 2048, "priority": 10},
        {"id": "groq/compound-mini", "usage": "chat", "contextWindow": 4096, "maxOutputTokens": 1024, "priority": 0},
        {"id": "embed", "usage": "embedding", "contextWindow": 512, "maxOutputTokens": 0, "priority": 20},
    ],
    "openrouter": [{"id": "openrouter/auto"}, {"id": "meta/llama:free"}],
}  # fmt: skip
KEYS = {name: f"sk-canary-{name}-key-0001" for name in PREFIXES}


def vault(url: str) -> dict[str, Any]:
    gateway = f"{url}/v1/{{account}}/default/compat"
    return {
        name: {"protocol": "openai", "endpoint": f"{url}/direct/{name}", "gatewayEndpoint": gateway,
               "gatewayModelPrefix": prefix, "keys": [{"key": KEYS[name], "owner": "ronan", "type": "paid"}],
               "models": MODELS.get(name, [])}
        for name, prefix in PREFIXES.items()
    }  # fmt: skip


@pytest.fixture(scope="module")
def running(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acct", "CLOUDFLARE_AIG_TOKEN": AIG_TOKEN}
    settings = "allow_origins: ['*']\n"
    providers = vault(provider_of_module.url)
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, environ=environ, settings=settings) as made:
        yield made
        made.assert_nothing_leaked(AIG_TOKEN, *KEYS.values())


@pytest.fixture
def proxy(running: RunningProxy, provider: FakeProvider) -> Iterator[RunningProxy]:
    """The proxy; a vault that a test has changed is put back."""
    before = running.home.vault.read_bytes()
    yield running
    if running.home.vault.read_bytes() != before:
        running.home.vault.write_bytes(before)


def chat(model: Any = "m", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


def final(host: str) -> dict[str, str]:
    return BEARER | {"X-Host-Final": host}


class Test1LegacyShapes:
    """Both shapes of `sample_request.sh`, and what X-Host-Final may hold."""

    @pytest.mark.parametrize(
        ("target", "host", "name"),
        [
            ("/openai/v1/chat/completions", "api.groq.com", "groq"),
            ("/v1/chat/completions", "api.sambanova.ai", "sambanova"),
            ("/groq/v1/chat/completions", "api.groq.com", "groq"),
            ("/v1/chat/completions", "https://api.sambanova.ai:443/", "sambanova"),
            ("/v1/chat/completions", "api.groq.com:443", "groq"),
            *[("/v1/chat/completions", host, name) for name, host in HOSTS.items()],
        ],
    )
    def test_reaches_the_provider(
        self, proxy: RunningProxy, provider: FakeProvider, target: str, host: str, name: str
    ) -> None:
        reply = send(proxy, target, chat(), headers=final(host))
        (arrived,) = provider.wait_for(1)
        assert (reply.status, reply.json["choices"][0]["message"]["content"]) == (200, "pong")
        assert (arrived.method, arrived.target, arrived.json["model"]) == ("POST", COMPAT, f"{PREFIXES[name]}/m")
        assert arrived.header("authorization") == f"Bearer {KEYS[name]}"

    def test_the_header_beats_the_path(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/groq/v1/chat/completions", chat(), headers=final("api.sambanova.ai")).status == 200
        assert provider.wait_for(1)[0].header("authorization") == f"Bearer {KEYS['sambanova']}"

    def test_deviation_upper_case_host_is_the_same_host(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/v1/chat/completions", chat(), headers=final("API.SambaNova.AI")).status == 200
        assert provider.wait_for(1)[0].json["model"] == "custom-sambanova/m"

    def test_unknown_host_alone(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        reply = send(proxy, "/v1/chat/completions", chat(), headers=final("api.unknown.example"))
        assert (reply.status, reply.reason, provider.arrivals) == (400, "unknown_host_final", [])

    def test_deviation_unknown_host_does_not_fall_through_to_the_path(
        self, proxy: RunningProxy, provider: FakeProvider
    ) -> None:
        reply = send(proxy, "/openai/v1/chat/completions", chat(), headers=final("api.unknown.example"))
        assert (reply.status, reply.reason, provider.arrivals) == (400, "unknown_host_final", [])

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_host_swap_of_older_clients(self, proxy: RunningProxy, provider: FakeProvider, method: str) -> None:
        body = {"x": 1} if method == "POST" else None
        reply = send(proxy, "/openai/v1/files/f-1", body, method=method, headers=final("api.groq.com"))
        (arrived,) = provider.wait_for(1)
        assert (arrived.method, arrived.target) == (method, "/v1/acct/default/groq/files/f-1")
        assert reply.status in (200, 404, 405)  # whatever the provider says to that


class Test2PrefixTable:
    """The path prefix chooses the provider, the vault its model prefix."""

    @pytest.mark.parametrize("name", [*PREFIXES, "sambanova-ai", "google-ai-studio"])
    def test_prefix(self, proxy: RunningProxy, provider: FakeProvider, name: str) -> None:
        own = {"sambanova-ai": "sambanova", "google-ai-studio": "gemini"}.get(name, name)
        reply = send(proxy, f"/{name}/v1/chat/completions", chat())
        (arrived,) = provider.wait_for(1)
        assert (reply.status, reply.json["object"]) == (200, "chat.completion")
        assert (arrived.target, arrived.json["model"]) == (COMPAT, f"{PREFIXES[own]}/m")
        assert arrived.header("authorization") == f"Bearer {KEYS[own]}"

    @pytest.mark.parametrize(
        ("name", "asked", "sent"),
        [
            ("groq", "groq/llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
            ("sambanova", "custom-sambanova/Meta", "custom-sambanova/Meta"),
            ("groq", "meta-llama/llama-4", "groq/meta-llama/llama-4"),
            ("openrouter", "meta/llama:free", "openrouter/meta/llama:free"),
        ],
    )
    def test_already_prefixed_and_slashes(
        self, proxy: RunningProxy, provider: FakeProvider, name: str, asked: str, sent: str
    ) -> None:
        assert send(proxy, f"/{name}/v1/chat/completions", chat(asked)).status == 200
        assert provider.wait_for(1)[0].json["model"] == sent

    @pytest.mark.parametrize(
        ("name", "asked", "sent"),
        [
            ("groq", "groq/compound-mini", "groq/groq/compound-mini"),
            ("openrouter", "openrouter/auto", "openrouter/openrouter/auto"),
        ],
    )
    def test_deviation_a_model_of_the_vault_is_always_prefixed(
        self, proxy: RunningProxy, provider: FakeProvider, name: str, asked: str, sent: str
    ) -> None:
        assert send(proxy, f"/{name}/v1/chat/completions", chat(asked)).status == 200
        assert provider.wait_for(1)[0].json["model"] == sent

    def test_deviation_a_provider_of_any_name_is_reached(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        entry = vault(provider.url)["groq"] | {"gatewayModelPrefix": "custom-mine", "keys": [{"key": "sk-mine-00001"}]}
        proxy.write_vault({"mine": entry})
        assert send(proxy, "/mine/v1/chat/completions", chat()).status == 200
        assert provider.wait_for(1)[0].json["model"] == "custom-mine/m"

    def test_per_model_prefix(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        entry = vault(provider.url)["groq"] | {"models": [{"id": "special", "gatewayPrefix": "custom-x"}]}
        proxy.write_vault({"groq": entry})
        assert send(proxy, "/groq/v1/chat/completions", chat("special")).status == 200
        assert provider.wait_for(1)[0].json["model"] == "custom-x/special"


class Test3UpstreamHeaders:
    """What the provider is sent beside the body."""

    def test_key_and_gateway_token_arrive_and_no_credential_of_the_client(
        self, proxy: RunningProxy, provider: FakeProvider
    ) -> None:
        own = {"Cookie": "session=1", "X-Host-Final": "api.groq.com", "x-api-key": TOKEN, "cf-aig-authorization": "x"}
        assert send(proxy, "/groq/v1/chat/completions", chat(), headers=BEARER | own).status == 200
        (arrived,) = provider.wait_for(1)
        assert arrived.headers_named("content-type") == ["application/json"]
        assert arrived.headers_named("authorization") == [f"Bearer {KEYS['groq']}"]
        assert arrived.headers_named("cf-aig-authorization") == [f"Bearer {AIG_TOKEN}"]
        names = {name.lower() for name, _ in arrived.headers}
        assert not names & {"cookie", "x-host-final", "x-api-key"} and TOKEN.encode() not in arrival(arrived)

    def test_deviation_other_headers_of_the_client_survive(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        own = {"User-Agent": "my-agent/1", "anthropic-beta": "x-1"}
        assert send(proxy, "/anthropic/v1/chat/completions", chat(), headers=BEARER | own).status == 200
        (arrived,) = provider.wait_for(1)
        assert (arrived.header("user-agent"), arrived.header("anthropic-beta")) == ("my-agent/1", "x-1")

    def test_deviation_the_account_is_filled_in(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 200
        assert provider.wait_for(1)[0].target == "/v1/acct/default/compat/chat/completions"

    @pytest.mark.parametrize("tail", ["/chat/completions", "/"])
    def test_spellings_of_the_gateway_endpoint(self, proxy: RunningProxy, provider: FakeProvider, tail: str) -> None:
        entry = vault(provider.url)["groq"]
        proxy.write_vault({"groq": entry | {"gatewayEndpoint": entry["gatewayEndpoint"] + tail}})
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 200
        assert provider.wait_for(1)[0].target == COMPAT

    def test_the_gateway_token_of_the_environment_comes_before_the_vaults_gateway_key(
        self, proxy: RunningProxy, provider: FakeProvider
    ) -> None:
        entry = vault(provider.url)["groq"] | {"gatewayKey": "cf-aig-of-the-vault-01"}
        proxy.write_vault({"groq": entry})
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 200
        assert provider.wait_for(1)[0].header("cf-aig-authorization") == f"Bearer {AIG_TOKEN}"


class Test4Body:
    """Nothing but the model changes."""

    def test_unknown_fields_tools_and_other_scripts_are_kept(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        raw = (
            '{ "zzz":[1, 2.50],"model" : "m","stream_options":{"include_usage":true},"tools":[{"type":"function"}],'
            '"messages":[{"role":"user","content":"h\u00e9 \u4f60\\u597d"}] , "top_logprobs":3}'
        ).encode()
        headers = BEARER | {"Content-Type": "application/json"}
        assert send(proxy, "/groq/v1/chat/completions", raw, headers=headers).status == 200
        assert provider.wait_for(1)[0].body == raw.replace(b'"m"', b'"groq/m"')

    @pytest.mark.parametrize("value", ["true", '"true"', "false", None])
    def test_deviation_stream_is_sent_as_the_client_wrote_it(
        self, proxy: RunningProxy, provider: FakeProvider, value: str | None
    ) -> None:
        provider.next(body=b"{}", headers={"Content-Type": "application/json"})
        raw = b'{"model":"m","messages":[]' + (f',"stream":{value}'.encode() if value else b"") + b"}"
        headers = BEARER | {"Content-Type": "application/json"}
        assert send(proxy, "/groq/v1/chat/completions", raw, headers=headers).status == 200
        assert provider.wait_for(1)[0].body == raw.replace(b'"m"', b'"groq/m"')

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
    def test_the_declared_type_does_not_matter(self, proxy: RunningProxy, provider: FakeProvider, kind: str) -> None:
        raw = json.dumps(chat()).encode()
        assert send(proxy, "/groq/v1/chat/completions", raw, headers=BEARER | {"Content-Type": kind}).status == 200
        (arrived,) = provider.wait_for(1)
        assert (arrived.json["model"], arrived.header("content-type")) == ("groq/m", "application/json")


class Test5Streaming:
    """Server-sent events pass as they come."""

    def test_events_arrive_one_by_one(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        stream = provider.stream()
        with connection(proxy) as conn:
            body = json.dumps(chat(stream=True))
            conn.request("POST", "/groq/v1/chat/completions", body, {**BEARER, "Content-Type": "application/json"})
            answer = conn.getresponse()
            assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
            for event in (b'data: {"a":1}\n\n', b'data: {"b":2}\n\n', b"data: [DONE]\n\n"):
                stream.send(event)  # the next one is only sent when this one has arrived
                assert answer.read(len(event)) == event
            stream.finish()
            assert answer.read() == b""

    def test_an_error_on_a_stream_keeps_status_and_json(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        provider.next(429, {"Content-Type": "application/json"}, b'{"error":{"message":"slow down"}}')
        reply = send(proxy, "/groq/v1/chat/completions", chat(stream=True))
        assert (reply.status, reply.json) == (429, {"error": {"message": "slow down"}})

    def test_client_abort_ends_the_providers_work(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        stream = provider.stream()
        with connection(proxy) as conn:
            body = json.dumps(chat(stream=True))
            conn.request("POST", "/groq/v1/chat/completions", body, {**BEARER, "Content-Type": "application/json"})
            answer = conn.getresponse()
            stream.send(b"data: 1\n\n")
            assert answer.read(9) == b"data: 1\n\n"
        assert stream.disconnected.wait(10)


class Test6UpstreamErrors:
    """The provider's own errors are the client's to read."""

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
    def test_deviation_headers_survive_with_status_and_body(
        self, proxy: RunningProxy, provider: FakeProvider, status: int
    ) -> None:
        headers = {"Content-Type": "text/weird", "Retry-After": "7", "x-ratelimit-remaining-tokens": "0"}
        provider.next(status, headers, b"own words")
        reply = send(proxy, "/groq/v1/chat/completions", chat())
        assert (reply.status, reply.body, reply.headers["retry-after"]) == (status, b"own words", "7")
        assert (reply.headers["content-type"], reply.headers["x-ratelimit-remaining-tokens"]) == ("text/weird", "0")

    def test_deviation_an_unreachable_provider_is_a_502(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        entry = vault("http://127.0.0.1:9")["groq"]
        proxy.write_vault({"groq": entry})
        reply = send(proxy, "/groq/v1/chat/completions", chat())
        assert (reply.status, reply.reason, provider.arrivals) == (502, "upstream_unreachable", [])


class Test7Keys:
    """Which keys are used, and in which order."""

    def test_deviation_expired_keys_are_never_used_and_the_rest_in_strict_turns(
        self, proxy: RunningProxy, provider: FakeProvider
    ) -> None:
        keys = [{"key": f"sk-turn-{n}-000001", "type": "expired" if n == 1 else "free"} for n in range(4)]
        proxy.write_vault({"groq": vault(provider.url)["groq"] | {"keys": keys}})
        with ThreadPoolExecutor(6) as pool:
            assert set(pool.map(lambda _: send(proxy, "/groq/v1/chat/completions", chat()).status, range(30))) == {200}
        used = Counter(arrived.header("authorization") for arrived in provider.wait_for(30))
        assert used == {f"Bearer sk-turn-{n}-000001": 10 for n in (0, 2, 3)}

    def test_deviation_a_provider_with_expired_keys_alone_says_so(
        self, proxy: RunningProxy, provider: FakeProvider
    ) -> None:
        entry = vault(provider.url)["groq"] | {"keys": [{"key": "sk-old-0000001", "type": "expired"}]}
        proxy.write_vault(vault(provider.url) | {"groq": entry})
        reply = send(proxy, "/groq/v1/chat/completions", chat())
        assert (reply.status, reply.reason, provider.arrivals) == (503, "no_usable_key", [])
        listed = [item["id"] for item in send(proxy, "/v1/providers").json["data"]]
        assert "groq" not in listed and listed == [name for name in PREFIXES if name != "groq"]


class Test8StatusCodes:
    """Statuses as documented; deviation: the texts stand in the provider's error shape, with a stable reason."""

    @pytest.mark.parametrize(
        ("target", "body", "headers", "status", "reason"),
        [
            ("/groq/v1/chat/completions", chat(), {}, 401, "missing_token"),
            ("/groq/v1/chat/completions", chat(), {"Authorization": "Basic eDp5"}, 403, "unknown_token"),
            ("/groq/v1/chat/completions", chat(), {"Authorization": "Bearer wrong-token"}, 403, "unknown_token"),
            ("/groq/v1/chat/completions", b"{", BEARER | {"Content-Type": "application/json"}, 400, "bad_json"),
            ("/groq/v1/chat/completions", b"{", {"Content-Type": "application/json"}, 401, "missing_token"),
            ("/nobody/v1/chat/completions", b"{", BEARER, 400, "no_provider"),
            ("/groq/v1/chat/completions", {"messages": []}, BEARER, 400, "missing_model"),
            ("/v1/providers", None, {}, 401, "missing_token"),
            ("/groq/v1/models", None, {"Authorization": "Bearer wrong-token"}, 403, "unknown_token"),
            ("/groq/v1/models/nothing", None, BEARER, 404, "not_found"),
            ("/nobody/v1/models", None, BEARER, 404, "not_found"),
            ("/nothing/here", None, BEARER, 404, "not_found"),
        ],
    )
    def test_refusals(
        self, proxy: RunningProxy, provider: FakeProvider, target: str, body: Any, headers: dict[str, str],
        status: int, reason: str,
    ) -> None:  # fmt: skip
        reply = send(proxy, target, body, headers=headers)
        assert (reply.status, reply.reason, provider.arrivals) == (status, reason, [])
        assert reply.json["error"]["message"] and reply.headers["content-type"] == "application/json"

    @pytest.mark.parametrize("value", ["bearer {}", "BEARER   {}", "Bearer {}"])
    def test_spellings_of_the_scheme(self, proxy: RunningProxy, provider: FakeProvider, value: str) -> None:
        headers = {"Authorization": value.format(TOKEN)}
        assert send(proxy, "/groq/v1/chat/completions", chat(), headers=headers).status == 200
        assert provider.wait_for(1)[0].header("authorization") == f"Bearer {KEYS['groq']}"

    def test_deviation_other_classes_of_requests_work(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/groq/v1/embeddings", {"model": "embed", "input": "x"}).status == 200
        (arrived,) = provider.wait_for(1)
        assert (arrived.target, arrived.json["model"]) == ("/v1/acct/default/groq/embeddings", "embed")

    def test_health_needs_no_token(self, proxy: RunningProxy) -> None:
        assert send(proxy, "/", headers={}).json["status"] == "ok"
        assert send(proxy, "/", method="HEAD", headers={}).status == 200


class Test9VaultFormat:
    """Vaults that other programs wrote."""

    @pytest.mark.parametrize("wrapped", [True, False])
    @pytest.mark.parametrize("crlf", [True, False])
    def test_made_by_openssl(self, proxy: RunningProxy, provider: FakeProvider, wrapped: bool, crlf: bool) -> None:
        plain = json.dumps({"version": 1, "providers": vault(provider.url)}).encode()
        made = subprocess.run(
            ["openssl", "enc", "-aes-256-cbc", "-a", *([] if wrapped else ["-A"]), "-pbkdf2", "-iter", "100000",
             "-salt", "-pass", f"pass:{PASSWORD}"], input=plain, capture_output=True, check=True,
        ).stdout  # fmt: skip
        proxy.home.vault.write_bytes(made.replace(b"\n", b"\r\n") if crlf else made)
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 200
        assert provider.wait_for(1)[0].header("authorization") == f"Bearer {KEYS['groq']}"

    def test_of_more_than_200_kilobytes(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        entry = vault(provider.url)["groq"]
        models = [{"id": f"model-{n}", "tags": ["x" * 40]} for n in range(4000)]
        proxy.write_vault({"groq": entry | {"models": models}})
        assert proxy.home.vault.stat().st_size > 200_000
        assert send(proxy, "/groq/v1/chat/completions", chat("model-3999")).status == 200
        assert provider.wait_for(1)[0].json["model"] == "groq/model-3999"


class Test9VaultOverHttp:
    """`GET` and `PUT /ai.json.enc`, `GET /ai.json`; deviation: the download needs the token, and uploads are checked."""

    OWNER = {"Authorization": f"Bearer {PASSWORD}"}  # noqa: RUF012

    def test_upload_is_used_by_the_next_request(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        document = {
            "version": 2,
            "providers": {"groq": vault(provider.url)["groq"] | {"keys": [{"key": "sk-put-00001"}]}},
        }
        sealed = store.seal(json.dumps(document).encode(), Secret(PASSWORD))
        reply = send(proxy, "/ai.json.enc", sealed, method="PUT", headers=self.OWNER | {"Content-Type": "text/plain"})
        assert (reply.status, reply.json) == (200, {"ok": True, "message": "Vault updated"})
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 200
        assert provider.wait_for(1)[0].header("authorization") == "Bearer sk-put-00001"
        downloaded = send(proxy, "/ai.json.enc", headers=self.OWNER)
        assert (downloaded.body, downloaded.headers["etag"]) == (sealed, reply.headers["etag"])
        assert send(proxy, "/ai.json", headers=self.OWNER).json == document

    @pytest.mark.parametrize(
        ("method", "target", "body", "headers", "status", "text"),
        [
            ("PUT", "/ai.json.enc", b"x", {}, 403, {"error": "Unauthorized"}),
            ("PUT", "/ai.json.enc", b"x", {"Authorization": "Bearer wrong"}, 403, {"error": "Unauthorized"}),
            ("PUT", "/ai.json.enc", b"", {"Authorization": f"Bearer {PASSWORD}"}, 400, {"error": "Empty body"}),
            ("PUT", "/ai.json.enc", b" \n", {"Authorization": f"Bearer {PASSWORD}"}, 400, {"error": "Empty body"}),
            ("GET", "/ai.json", None, {}, 401, {"error": "Missing Authorization header"}),
        ],
    )
    def test_refusals(
        self, proxy: RunningProxy, method: str, target: str, body: bytes | None, headers: dict[str, str],
        status: int, text: dict[str, str],
    ) -> None:  # fmt: skip
        reply = send(proxy, target, body, method=method, headers=headers)
        assert (reply.status, reply.json) == (status, text)

    def test_a_wrong_password_is_a_403(self, proxy: RunningProxy) -> None:
        reply = send(proxy, "/ai.json", headers={"Authorization": "Bearer another-password"})
        assert (reply.status, reply.json["error"]) == (403, "Decryption failed")

    @pytest.mark.parametrize("garbage", [b"hello", b"U2FsdGVkX18AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="])
    def test_deviation_garbage_is_refused_and_the_old_vault_stays(
        self, proxy: RunningProxy, provider: FakeProvider, garbage: bytes
    ) -> None:
        before = proxy.home.vault.read_bytes()
        assert send(proxy, "/ai.json.enc", garbage, method="PUT", headers=self.OWNER).status == 400
        assert proxy.home.vault.read_bytes() == before
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 200
        assert provider.wait_for(1)[0].header("authorization") == f"Bearer {KEYS['groq']}"

    def test_deviation_a_stale_edit_is_refused(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        sealed = store.seal(json.dumps({"version": 1, "providers": {}}).encode(), Secret(PASSWORD))
        stale = self.OWNER | {"If-Match": '"another"'}
        assert send(proxy, "/ai.json.enc", sealed, method="PUT", headers=stale).status == 412

    def test_deviation_an_ordinary_user_reads_no_keys(self, proxy: RunningProxy) -> None:
        for target in ("/ai.json", "/ai.json.enc"):
            reply = send(proxy, target)
            assert reply.status == 403 and not any(key.encode() in reply.body for key in KEYS.values())


class Test10Users:
    """`users.json` is read anew when it changes."""

    def test_added_and_removed_with_the_next_request(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        other = {"Authorization": "Bearer AGE-SECRET-KEY-1AUDREY"}
        assert send(proxy, "/groq/v1/chat/completions", chat(), headers=other).status == 403
        proxy.write_users({"alice": {"key": TOKEN}, "audrey": {"key": "AGE-SECRET-KEY-1AUDREY"}})
        assert send(proxy, "/groq/v1/chat/completions", chat(), headers=other).status == 200
        proxy.write_users({"alice": {"key": TOKEN}})
        assert send(proxy, "/groq/v1/chat/completions", chat(), headers=other).status == 403
        assert len(provider.wait_for(1)) == 1

    def test_no_users_means_nobody(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        proxy.write_users({})
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 403
        proxy.write_users({"alice": {"key": TOKEN}})
        assert provider.arrivals == []

    def test_deviation_the_same_key_for_two_users_is_refused(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 200
        proxy.home.users.write_text(json.dumps({"a": {"key": TOKEN}, "b": {"key": TOKEN}}))
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 200  # the previous list stays in force
        proxy.write_users({"alice": {"key": TOKEN}})

    def test_deviation_an_expired_user_is_refused(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        proxy.write_users({"alice": {"key": TOKEN, "type": "expired"}})
        assert send(proxy, "/groq/v1/chat/completions", chat()).status == 403
        proxy.write_users({"alice": {"key": TOKEN}})
        assert provider.arrivals == []


class Test11Cors:
    """With `allow_origins: ['*']`; deviation: without that setting, no page of another origin may use the proxy."""

    PAGE = {"Origin": "https://chat.example"}  # noqa: RUF012

    def test_preflight(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-a"}
        reply = send(proxy, "/groq/v1/chat/completions", method="OPTIONS", headers=self.PAGE | asked)
        assert (reply.status, reply.body, provider.arrivals) == (204, b"", [])
        assert reply.headers["access-control-allow-origin"] == "*"
        assert reply.headers["access-control-allow-headers"] == "authorization,x-a"
        assert {"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"} <= set(
            reply.headers["access-control-allow-methods"].split(", ")
        )

    @pytest.mark.parametrize(
        ("target", "body", "status"),
        [
            ("/groq/v1/chat/completions", chat(), 200),
            ("/groq/v1/chat/completions", chat(stream=True), 200),
            ("/groq/v1/chat/completions", b"{", 400),
            ("/v1/providers", None, 200),
            ("/", None, 200),
            ("/nothing/here", None, 404),
        ],
    )
    def test_every_answer(
        self, proxy: RunningProxy, provider: FakeProvider, target: str, body: Any, status: int
    ) -> None:
        kind = {"Content-Type": "application/json"}
        reply = send(proxy, target, body, headers=BEARER | self.PAGE | kind)
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (status, "*")
        assert send(proxy, target, body, headers=BEARER | kind).headers["access-control-allow-origin"] == "*"


class Test12RateLimit:
    """With `rate_limit: 3/60s`; deviation: there is none by default, and the setting chooses the number."""

    @pytest.fixture
    def limited(self, proxy: RunningProxy) -> Iterator[RunningProxy]:
        before = proxy.home.settings.read_text()
        proxy.home.settings.write_text(before + "rate_limit: 3/60s\n")
        yield proxy
        proxy.home.settings.write_text(before)

    def test_one_too_many_by_address_and_path(self, limited: RunningProxy, provider: FakeProvider) -> None:
        replies = [send(limited, "/groq/v1/chat/completions", chat()) for _ in range(4)]
        assert [reply.status for reply in replies] == [200, 200, 200, 429]
        assert replies[3].reason == "rate_limited" and 0 < int(replies[3].headers["retry-after"]) <= 60
        assert replies[3].headers["access-control-allow-origin"] == "*"
        assert send(limited, "/openai/v1/chat/completions", chat()).status == 200
        assert len(provider.wait_for(4)) == 4

    def test_counted_before_the_token_is_looked_at(self, limited: RunningProxy, provider: FakeProvider) -> None:
        path = "/mistral/v1/chat/completions"
        assert [send(limited, path, chat(), headers={}).status for _ in range(4)] == [401, 401, 401, 429]
        assert provider.arrivals == []

    def test_health_does_not_count(self, limited: RunningProxy) -> None:
        assert {send(limited, "/", headers={}).status for _ in range(5)} == {200}

    def test_disabled_when_unset(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert {send(proxy, "/morph/v1/chat/completions", chat()).status for _ in range(12)} == {200}
        assert len(provider.wait_for(12)) == 12


class Test13Models:
    """Lists from the vault."""

    def test_shape_and_order(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        listed = send(proxy, "/groq/v1/models").json
        assert listed["object"] == "list"
        assert [item["id"] for item in listed["data"]] == ["llama-3.3-70b-versatile", "groq/compound-mini", "embed"]
        assert listed["data"][0] == {
            "id": "llama-3.3-70b-versatile", "object": "model", "created": 0, "owned_by": "groq",
            "context_window": 8192, "context_length": 8192, "max_completion_tokens": 2048,
        }  # fmt: skip
        assert provider.arrivals == []

    @pytest.mark.parametrize("spelt", ["llama-3.3-70b-versatile", "groq%2Fcompound-mini"])
    def test_one_model(self, proxy: RunningProxy, provider: FakeProvider, spelt: str) -> None:
        reply = send(proxy, f"/groq/v1/models/{spelt}")
        assert (reply.status, reply.json["id"]) == (200, spelt.replace("%2F", "/"))
        assert provider.arrivals == []

    def test_deviation_a_raw_slash_in_the_id_works(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/groq/v1/models/groq/compound-mini").json["id"] == "groq/compound-mini"
        assert provider.arrivals == []

    def test_unknown_provider_and_model(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, "/groq/v1/models/none").status == 404
        assert send(proxy, "/nobody/v1/models").status == 404
        assert provider.arrivals == []

    def test_providers(self, proxy: RunningProxy) -> None:
        listed = send(proxy, "/v1/providers").json
        assert listed["object"] == "list"
        assert listed["data"] == [{"id": name, "object": "provider", "protocol": "openai"} for name in PREFIXES]
