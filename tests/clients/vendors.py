"""The vendors' own SDKs, one a process: `vendors.py NAME CALL…`, such as `vendors.py groq json stream`.

Keys, base URLs, proxy and CA come from the environment, in the variables that the SDK itself reads. Mistral's and
Hugging Face's read none for the base URL; there a program passes it, here from MISTRAL_BASE_URL and HF_BASE_URL.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from harness import TIMEOUT_SECONDS, Result, run_each

MESSAGES: list[Any] = [{"role": "user", "content": "Say pong."}]
# Of the OpenAI kind: no second try, and an end.
LIMITS: dict[str, Any] = {"max_retries": 0, "timeout": TIMEOUT_SECONDS}
USAGE: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
Calls = dict[str, Callable[[], Result]]


def whole(completion: Any) -> Result:
    """A chat completion as OpenAI has it."""
    return Result(completion.choices[0].message.content, completion.usage)


def collected(chunks: Iterable[Any]) -> Result:
    """A stream of such chunks."""
    texts, usage = [], None
    for chunk in chunks:
        texts += [choice.delta.content for choice in chunk.choices if choice.delta and choice.delta.content]
        usage = getattr(chunk, "usage", None) or usage
    return Result("".join(texts), usage, len(texts))


def groq() -> Calls:
    """GROQ_API_KEY, GROQ_BASE_URL without /openai/v1."""
    from groq import Groq

    create = Groq(**LIMITS).chat.completions.create
    ask = {"model": "llama-3.3-70b-versatile", "messages": MESSAGES}
    return {"json": lambda: whole(create(**ask)), "stream": lambda: collected(create(**ask, stream=True))}


def cerebras() -> Calls:
    """CEREBRAS_API_KEY, CEREBRAS_BASE_URL without /v1. The client opens with GET /v1/tcp_warming."""
    from cerebras.cloud.sdk import Cerebras

    create = Cerebras(**LIMITS).chat.completions.create
    ask = {"model": "llama3.1-8b", "messages": MESSAGES}
    return {"json": lambda: whole(create(**ask)), "stream": lambda: collected(create(**ask, **USAGE))}


def together() -> Calls:
    """TOGETHER_API_KEY, TOGETHER_BASE_URL without /v1 (version 2 wanted it there)."""
    from together import Together

    create = Together(**LIMITS).chat.completions.create
    ask = {"model": "meta-llama/Llama-3.3-70B-Instruct-Turbo", "messages": MESSAGES}
    return {"json": lambda: whole(create(**ask)), "stream": lambda: collected(create(**ask, stream=True))}


def mistral() -> Calls:
    """MISTRAL_API_KEY; the base URL, without /v1, is an argument."""
    from mistralai.client import Mistral

    url = os.environ.get("MISTRAL_BASE_URL")
    client = Mistral(api_key=os.environ["MISTRAL_API_KEY"], server_url=url, timeout_ms=int(1000 * TIMEOUT_SECONDS))
    ask = {"model": "mistral-small-latest", "messages": MESSAGES}
    return {
        "json": lambda: whole(client.chat.complete(**ask)),
        "stream": lambda: collected(event.data for event in client.chat.stream(**ask)),
    }


def cohere() -> Calls:
    """CO_API_KEY, CO_API_URL without /v2."""
    from cohere import ClientV2

    client = ClientV2(timeout=TIMEOUT_SECONDS)
    ask = {"model": "command-a-03-2025", "messages": MESSAGES}

    def stream() -> Result:
        texts, usage = [], None
        for event in client.chat_stream(**ask):
            if event.type == "content-delta":
                texts.append(event.delta.message.content.text)
            if event.type == "message-end":
                usage = event.delta.usage
        return Result("".join(texts), usage, len(texts))

    def chat() -> Result:
        answer = client.chat(**ask)
        return Result(answer.message.content[0].text, answer.usage)

    return {"json": chat, "stream": stream}


def huggingface() -> Calls:
    """HF_TOKEN; the base URL, with /v1, is an argument. Without it, a key must begin with hf_."""
    from huggingface_hub import InferenceClient

    key = os.environ["HF_TOKEN"]
    router = None if key.startswith("hf_") else "https://router.huggingface.co/v1"
    client = InferenceClient(base_url=os.environ.get("HF_BASE_URL", router), api_key=key, timeout=TIMEOUT_SECONDS)
    ask = {"model": "meta-llama/Llama-3.1-8B-Instruct", "messages": MESSAGES}

    def called(**more: Any) -> Any:
        return client.chat.completions.create(**ask, **more)

    return {"json": lambda: whole(called()), "stream": lambda: collected(called(**USAGE))}


def replicate() -> Calls:
    """REPLICATE_API_TOKEN, REPLICATE_BASE_URL without /v1. Ignores HTTPS_PROXY: it brings a transport of its own.

    `json` waits for a prediction by asking for it again; `stream` opens an absolute URL that the answer names.
    """
    from replicate import Client

    client = Client(timeout=TIMEOUT_SECONDS)  # type: ignore[arg-type]
    client.poll_interval = 0

    def predict() -> Result:
        prediction = client.models.predictions.create("meta/meta-llama-3-8b-instruct", {"prompt": "Say pong."})
        first = prediction.status
        prediction.wait()
        return Result("".join(prediction.output), prediction.metrics, 1 if first == "succeeded" else 2)

    def run() -> Result:
        return Result("".join(client.run("meta/meta-llama-3-8b-instruct", {"prompt": "Say pong."})), None)

    def stream() -> Result:
        events = list(client.stream("meta/meta-llama-3-8b-instruct", input={"prompt": "Say pong."}))
        texts = [event.data for event in events if event.event.value == "output"]
        return Result("".join(texts), None, len(texts))

    return {"json": predict, "run": run, "stream": stream}


# Name -> its calls, and the package whose version counts.
SDKS: dict[str, tuple[Callable[[], Calls], str]] = {
    "groq": (groq, "groq"),
    "cerebras": (cerebras, "cerebras-cloud-sdk"),
    "together": (together, "together"),
    "mistral": (mistral, "mistralai"),
    "cohere": (cohere, "cohere"),
    "huggingface": (huggingface, "huggingface-hub"),
    "replicate": (replicate, "replicate"),
}

if __name__ == "__main__":
    make, package = SDKS[sys.argv[1]]
    calls = make()
    run_each(package, {name: calls[name] for name in sys.argv[2:]})
