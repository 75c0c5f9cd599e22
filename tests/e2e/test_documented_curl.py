"""The curl commands that the reference systems' READMEs print, run by a shell and the real curl.

Each stands here as documented, but for its host, its tokens and what it says to the model: those are put in below. What
curl prints beside the answer is asked for in its configuration file, not in the command. So somebody who comes from one
of these systems changes two values in a script of his, and it works.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.leaks import arrival, leaks
from tests.provider import FakeProvider
from tests.proxy import PASSWORD, TIMEOUT, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
AIG_TOKEN = "cf-aig-canary-token-0009"
COMPAT = "/v1/acct/default/compat/chat/completions"
SCOUT = "@cf/meta/llama-4-scout-17b-16e-instruct"
LLAMA = "@cf/meta/llama-3-8b-instruct"
GROQ_MODEL = "llama-3.3-70b-versatile"
HOSTS = ("https://your-llm-proxy-worker.<your-username>.workers.dev", "http://localhost:8787", "https://your-worker-url",
         "https://ai-proxy.inet.pp.ua")  # fmt: skip
TOKENS = ("YOUR_WORKER_ACCESS_KEY", "your-token", "AGE-SECRET-KEY-...")
CHAT = '"messages": [{"role": "user", "content": "Say pong."}]'


@dataclass(frozen=True)
class Case:
    """A command, and what is to come of it."""

    name: str
    command: str
    target: str | None  # at the provider; None: mitmvault answers itself
    model: str | None = None  # that is sent
    key: str = ""  # of which provider
    header: str = "authorization: Bearer {}"
    answer: Any = None  # a part of the answer that must be there


PROXIED = [
    Case(
        "000 chat",
        """curl -X POST \\
  https://your-llm-proxy-worker.<your-username>.workers.dev \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer YOUR_WORKER_ACCESS_KEY" \\
  -d '{
    "messages": [
      {
        "role": "system",
        "content": "You say as little as you can."
      },
      {
        "role": "user",
        "content": "Say pong."
      }
    ]
  }'""",
        "/client/v4/accounts/acct/ai/v1/chat/completions",
        LLAMA,
        "workers-ai",
    ),
    Case("001 chat", f"""curl -X POST http://localhost:8787/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "X-AUTH-TOKEN: your-token" \\
  -d '{{
    "model": "{SCOUT}",
    {CHAT},
    "temperature": 0.7
  }}'""", "/client/v4/accounts/acct/ai/v1/chat/completions", SCOUT, "workers-ai"),
    Case("002 chat", f"""curl -X POST https://your-worker-url/v1/chat/completions \\
  -H "Authorization: Bearer $PROXY_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "model": "openai/gpt-4o",
    {CHAT}
  }}'""", "/openai-at/v1/chat/completions", "gpt-4o", "openai"),
    Case("002 pass-through", f"""curl -X POST https://your-worker-url/openai/chat/completions \\
  -H "Authorization: Bearer $PROXY_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "model": "gpt-4o",
    {CHAT}
  }}'""", "/openai-at/v1/chat/completions", "gpt-4o", "openai"),
    Case("002 pass-through to Gemini", """curl -X POST \
https://your-worker-url/google-ai-studio/v1beta/models/gemini-1.5-pro:generateContent \\
  -H "Authorization: Bearer $PROXY_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "contents": [{"role": "user", "parts": [{"text": "Say pong."}]}]
  }'""", "/v1beta/models/gemini-1.5-pro:generateContent", None, "gemini", "x-goog-api-key: {}"),
    Case("003 modern", f"""curl -X POST https://ai-proxy.inet.pp.ua/groq/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer AGE-SECRET-KEY-..." \\
  -d '{{
    "model": "{GROQ_MODEL}",
    {CHAT}
  }}'""", COMPAT, f"groq/{GROQ_MODEL}", "groq"),
    Case("003 legacy, and sample_request.sh 1", f"""curl -X POST https://ai-proxy.inet.pp.ua/openai/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer AGE-SECRET-KEY-..." \\
  -H "X-Host-Final: api.groq.com" \\
  -d '{{
    "model": "{GROQ_MODEL}",
    {CHAT}
  }}'""", COMPAT, f"groq/{GROQ_MODEL}", "groq"),
    Case("003 sample_request.sh 2", f"""curl -X POST https://ai-proxy.inet.pp.ua/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer AGE-SECRET-KEY-..." \\
  -H "X-Host-Final: api.sambanova.ai" \\
  -d '{{
    "model": "Meta-Llama-3.3-70B-Instruct",
    {CHAT}
  }}'""", COMPAT, "custom-sambanova/Meta-Llama-3.3-70B-Instruct", "sambanova"),
]  # fmt: skip
OWN = [
    Case("001 health", "curl http://localhost:8787/health", None, answer={"service": "mitmvault"}),
    Case("002 models", """curl https://your-worker-url/v1/models \\
  -H "Authorization: Bearer $PROXY_API_KEY" \\
  -H "Content-Type: application/json\"""", None, answer={"id": f"groq/{GROQ_MODEL}"}),
    Case("003 providers", """curl https://ai-proxy.inet.pp.ua/v1/providers \\
  -H "Authorization: Bearer AGE-SECRET-KEY-...\"""", None, answer={"id": "groq", "object": "provider", "protocol": "openai"}),
    Case("003 models", """curl https://ai-proxy.inet.pp.ua/groq/v1/models \\
  -H "Authorization: Bearer AGE-SECRET-KEY-...\"""", None, answer={"id": GROQ_MODEL, "owned_by": "groq"}),
    Case("003 model", f"""curl https://ai-proxy.inet.pp.ua/groq/v1/models/{GROQ_MODEL} \\
  -H "Authorization: Bearer AGE-SECRET-KEY-...\"""", None, answer={"id": GROQ_MODEL, "object": "model"}),
]  # fmt: skip
# The README of 001 sends these without a token. There that was allowed; here they say what the vault has.
WITHOUT_TOKEN = [
    Case("001 model options", "curl http://localhost:8787/v1/model-options", None, answer={"id": GROQ_MODEL, "provider": "groq"}),
    Case("001 tokens", f"""curl -X POST http://localhost:8787/v1/tokenize \\
  -H "Content-Type: application/json" \\
  -d '{{
    "input": "How many tokens are in here?",
    "model": "{SCOUT}"
  }}'""", None, answer={"model": SCOUT}),
    Case("001 route", 'curl "http://localhost:8787/v1/route-check?model=gpt-4"', None, answer={"provider": "openai"}),
]  # fmt: skip


def keys(name: str) -> list[dict[str, str]]:
    return [{"key": f"sk-canary-{name}-key-0009"}]


def vault(url: str) -> dict[str, Any]:
    gateway = {"gatewayEndpoint": f"{url}/v1/{{account}}/default/compat", "endpoint": "https://api.groq.com/openai/v1"}
    model = {"id": GROQ_MODEL, "usage": "chat", "contextWindow": 8192, "maxOutputTokens": 2048, "priority": 1}
    listed = {"id": "gpt-4o"}
    account = f"{url}/client/v4/accounts/acct/ai"
    return {
        "groq": gateway | {"protocol": "openai", "gatewayModelPrefix": "groq", "keys": keys("groq"), "models": [model]},
        "sambanova": gateway
        | {"gatewayModelPrefix": "custom-sambanova", "keys": keys("sambanova"), "models": [listed]},
        "openai": {"endpoint": f"{url}/openai-at/v1", "keys": keys("openai"), "models": [listed]},
        "gemini": {"endpoint": f"{url}/v1beta", "keys": keys("gemini"), "models": [listed]},
        "workers-ai": {"endpoint": account, "keys": keys("workers-ai"), "models": [{"id": SCOUT}]},
    }


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acct", "CLOUDFLARE_AIG_TOKEN": AIG_TOKEN}
    providers = vault(provider_of_module.url)
    settings = f"default_model: '{LLAMA}'\n"  # what 000 had in its code
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, providers, environ=environ, settings=settings) as running:
        yield running
        running.assert_nothing_leaked(AIG_TOKEN, *(f"sk-canary-{name}-key-0009" for name in vault("")))


@dataclass(frozen=True)
class Printed:
    status: int
    body: bytes


def shell(proxy: RunningProxy, tmp: Path, command: str, *, token: str = TOKEN, host: str | None = None) -> Printed:
    """Run it as somebody would who has put his host and his token in."""
    (tmp / ".curlrc").write_text('silent\nshow-error\nmax-time = 20\noutput = "answer"\nwrite-out = "%{http_code}"\n')
    for there in HOSTS:
        command = command.replace(there, host or proxy.url)
    for there in TOKENS:
        command = command.replace(there, token)
    environ = {"PATH": os.environ["PATH"], "CURL_HOME": str(tmp), "HOME": str(tmp), "PROXY_API_KEY": token}
    done = subprocess.run(["sh", "-c", command], cwd=tmp, env=environ, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    return Printed(int(done.stdout), (tmp / "answer").read_bytes())


def has(whole: Any, part: dict[str, Any]) -> bool:
    """Is there an object in it, anywhere, with these members?"""
    if isinstance(whole, dict):
        return part.items() <= {k: v for k, v in whole.items() if not isinstance(v, (dict, list))}.items() or any(
            has(value, part) for value in whole.values()
        )
    return isinstance(whole, list) and any(has(value, part) for value in whole)


def said(body: bytes) -> str:
    answer = json.loads(body)
    if "candidates" in answer:
        return answer["candidates"][0]["content"]["parts"][0]["text"]
    return answer["choices"][0]["message"]["content"]


@pytest.mark.parametrize("case", PROXIED, ids=lambda case: case.name)
def test_to_a_provider(proxy: RunningProxy, provider: FakeProvider, tmp_path: Path, case: Case) -> None:
    printed = shell(proxy, tmp_path, case.command)
    assert (printed.status, said(printed.body)) == (200, "pong")
    (arrived,) = provider.wait_for(1)
    assert (arrived.method, arrived.target, arrived.json.get("model")) == ("POST", case.target, case.model)
    name, value = case.header.format(f"sk-canary-{case.key}-key-0009").split(": ", 1)
    assert arrived.headers_named(name) == [value]
    assert arrived.header("content-type") == "application/json"
    assert (arrived.header("user-agent") or "").startswith("curl/")
    assert leaks({"the user's token": TOKEN}, arrival(arrived)) == []
    behind_gateway = case.target == COMPAT
    assert arrived.headers_named("cf-aig-authorization") == [f"Bearer {AIG_TOKEN}"] * behind_gateway


@pytest.mark.parametrize("case", PROXIED, ids=lambda case: case.name)
def test_a_wrong_token_reaches_nothing(proxy: RunningProxy, provider: FakeProvider, tmp_path: Path, case: Case) -> None:
    printed = shell(proxy, tmp_path, case.command, token="nobody-has-this-one-0001")
    assert (printed.status, provider.arrivals) == (403, [])


@pytest.mark.parametrize("case", OWN, ids=lambda case: case.name)
def test_what_we_answer(proxy: RunningProxy, provider: FakeProvider, tmp_path: Path, case: Case) -> None:
    printed = shell(proxy, tmp_path, case.command)
    assert printed.status == 200 and has(json.loads(printed.body), case.answer), printed
    assert provider.arrivals == []


@pytest.mark.parametrize("case", WITHOUT_TOKEN, ids=lambda case: case.name)
def test_deviation_what_the_vault_has_needs_a_token(
    proxy: RunningProxy, provider: FakeProvider, tmp_path: Path, case: Case
) -> None:
    assert shell(proxy, tmp_path, case.command).status == 401
    printed = shell(proxy, tmp_path, case.command + ' -H "X-AUTH-TOKEN: your-token"')
    assert printed.status == 200 and has(json.loads(printed.body), case.answer), printed
    assert provider.arrivals == []


def test_003_the_vault_over_http(proxy: RunningProxy, provider: FakeProvider, tmp_path: Path) -> None:
    """Read it, encrypt it with the README's openssl command, put it back; the next request is with the new key."""
    reads = """curl -X GET https://ai-proxy.inet.pp.ua/ai.json \\
  -H "Authorization: Bearer YOUR_CRYPTO_TOKEN\""""
    writes = """curl -X PUT https://ai-proxy.inet.pp.ua/ai.json.enc \\
  -H "Authorization: Bearer YOUR_CRYPTO_TOKEN" \\
  -H "Content-Type: text/plain" \\
  --data-binary @ai.json.enc"""
    encrypts = """AI_JSON_CRYPTOKEN="YOUR_CRYPTO_TOKEN"
openssl enc -aes-256-cbc -a -pbkdf2 -iter 100000 -salt \\
  -in ai.json -out ai.json.enc -pass pass:"$AI_JSON_CRYPTOKEN" && curl https://ai-proxy.inet.pp.ua/health"""
    reads, writes, encrypts = (text.replace("YOUR_CRYPTO_TOKEN", PASSWORD) for text in (reads, writes, encrypts))
    before = proxy.home.vault.read_bytes()
    printed = shell(proxy, tmp_path, reads)
    document = json.loads(printed.body)
    assert printed.status == 200 and document["providers"]["groq"]["keys"] == keys("groq")
    assert shell(proxy, tmp_path, reads.replace(PASSWORD, TOKEN)).status == 403
    document["providers"]["groq"]["keys"] = keys("second")
    (tmp_path / "ai.json").write_text(json.dumps(document))
    try:
        shell(proxy, tmp_path, encrypts)
        assert shell(proxy, tmp_path, writes).status == 200
        assert shell(proxy, tmp_path, next(case.command for case in PROXIED if case.name == "003 modern")).status == 200
        assert provider.wait_for(1)[0].header("authorization") == "Bearer sk-canary-second-key-0009"
    finally:
        proxy.home.vault.write_bytes(before)
