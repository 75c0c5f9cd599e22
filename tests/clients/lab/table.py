"""Who is in the lab: one row a client. What each needs, and what its own errors are called."""

from __future__ import annotations

from dataclasses import dataclass, field

MODES = {"base": "base URL", "proxy": "`HTTPS_PROXY`"}
# Case -> the page's column.
CASES = {
    "json": "JSON", "sse": "SSE", "async": "async", "tools": "tool call", "body": "5 MB", "401": "401", "429": "429",
    "500": "500", "cancel": "cancel",
}  # fmt: skip
ERRORS = ("401", "429", "500")

# Language -> the variables with a CA of which each client is tried with one alone.
CA_VARIABLES = {
    "Python": ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    "Node": ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"),
    "Go": ("SSL_CERT_FILE",),
    "Java": ("JAVA_TOOL_OPTIONS",),
    "shell": ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "WGETRC"),
}
# Beside the CA and the key, what lets a client of this language see the proxy.
PROXY_VARIABLES = {
    "Python": ("HTTPS_PROXY",),
    "Node": ("HTTPS_PROXY", "NODE_USE_ENV_PROXY", "NODE_OPTIONS"),
    "Go": ("HTTPS_PROXY",),
    "Java": (),
    "shell": ("https_proxy",),
}


@dataclass(frozen=True)
class Own:
    """What a client does, for its own reasons, that fails a case; and what helps."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Client:
    """One client. `driver` is a file of `drivers`, run by what `language` names."""

    id: str
    name: str
    language: str
    driver: str
    provider: str
    key: str
    base_url: str = ""  # the variable that it reads; none: the program passes our address, with `path` behind it
    path: str = ""
    argument: str = "the program's URL"  # where the program passes it
    errors: tuple[str, str, str] | None = None  # what it raises for 401, 429 and 500; None: it gives the status
    without: dict[str, str] = field(default_factory=dict)  # cases that it has nothing for, and why
    own: dict[tuple[str, str], Own] = field(default_factory=dict)  # (mode, case) that fails for its own reasons
    helped: dict[tuple[str, str], Own] = field(default_factory=dict)  # ... that works, as the driver does what helps

    @property
    def cases(self) -> list[str]:
        """The cases that it has something for."""
        return [case for case in CASES if case not in self.without]


def _both(case: str, own: Own) -> dict[tuple[str, str], Own]:
    return {(mode, case): own for mode in MODES}


_RAW = {"provider": "openai", "key": "OPENAI_API_KEY", "path": "/openai/v1"}
_OPENAI = {"provider": "openai", "key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"}
_ANTHROPIC = {"provider": "anthropic", "key": "ANTHROPIC_API_KEY", "base_url": "ANTHROPIC_BASE_URL"}
_GEMINI = {"provider": "gemini", "key": "GEMINI_API_KEY", "base_url": "GOOGLE_GEMINI_BASE_URL"}
_STAINLESS = ("AuthenticationError", "RateLimitError", "InternalServerError")
_NOT_ASYNC = {"async": "it has no asynchronous interface"}

_TRUST_ENV = Own(
    "aiohttp does not look at proxy variables unless it is told to.",
    "`ClientSession(trust_env=True)`, as it was tried; else use the base URL.",
)
_GENAI_CANCEL = Own(
    "Leaving the loop over a stream leaves its connection open.",
    "`config: { abortSignal: controller.signal }` and `controller.abort()`, as it was tried.",
)
_AI_CANCEL = Own(
    "Leaving the loop over `textStream` leaves the connection open.",
    "`abortSignal: controller.signal` and `controller.abort()`, as it was tried.",
)
_LITELLM_TOOLS = Own(
    "Tools need a package that is not installed along.", "`pip install 'litellm[mcp]'`, as it was tried."
)
_LITELLM_CANCEL = Own(
    "The stream of `completion` cannot be closed, and dropping it leaves the connection open.",
    "`acompletion` and `await stream.aclose()`, as it was tried.",
)
_WGET_401 = Own("wget prints no body of a 401.", "`--server-response` shows the status; any other client shows why.")

CLIENTS: tuple[Client, ...] = (
    Client("openai", "openai", "Python", "with_openai.py", **_OPENAI, errors=_STAINLESS),
    Client("anthropic", "anthropic", "Python", "with_anthropic.py", **_ANTHROPIC, errors=_STAINLESS),
    Client("google-genai", "google-genai", "Python", "with_genai.py", **_GEMINI,
           errors=("ClientError", "ClientError", "ServerError")),
    Client("groq", "groq", "Python", "with_groq.py", "groq", "GROQ_API_KEY", "GROQ_BASE_URL", errors=_STAINLESS),
    Client("mistralai", "mistralai", "Python", "with_mistral.py", "mistral", "MISTRAL_API_KEY", path="/mistral",
           argument="`server_url`", errors=("SDKError", "SDKError", "SDKError")),
    Client("cohere", "cohere", "Python", "with_cohere.py", "cohere", "CO_API_KEY", "CO_API_URL",
           errors=("UnauthorizedError", "TooManyRequestsError", "InternalServerError")),
    Client("litellm", "litellm", "Python", "with_litellm.py", **_OPENAI, errors=_STAINLESS,
           helped=_both("tools", _LITELLM_TOOLS) | _both("cancel", _LITELLM_CANCEL)),
    Client("langchain-openai", "langchain-openai", "Python", "with_langchain.py", **_OPENAI,
           errors=("OpenAIAuthenticationError", "OpenAIRateLimitError", "OpenAIAPIError")),
    Client("requests", "requests", "Python", "with_requests.py", **_RAW, without=_NOT_ASYNC),
    Client("httpx", "httpx", "Python", "with_httpx.py", **_RAW),
    Client("aiohttp", "aiohttp", "Python", "with_aiohttp.py", **_RAW,
           helped={("proxy", case): _TRUST_ENV for case in CASES}),
    Client("urllib", "urllib.request", "Python", "with_urllib.py", **_RAW, without=_NOT_ASYNC),
    Client("node-openai", "openai", "Node", "with_openai.mjs", **_OPENAI, errors=_STAINLESS),
    Client("node-anthropic", "@anthropic-ai/sdk", "Node", "with_anthropic.mjs", **_ANTHROPIC, errors=_STAINLESS),
    Client("node-genai", "@google/genai", "Node", "with_genai.mjs", **_GEMINI,
           errors=("ApiError", "ApiError", "ApiError"), helped=_both("cancel", _GENAI_CANCEL)),
    Client("node-ai", "ai", "Node", "with_ai.mjs", **_OPENAI, errors=("APICallError",) * 3,
           helped=_both("cancel", _AI_CANCEL)),
    Client("node-fetch", "fetch", "Node", "with_fetch.mjs", **_RAW),
    Client("node-undici", "undici", "Node", "with_undici.mjs", **_RAW),
    Client("node-https", "node:https", "Node", "with_https.mjs", **_RAW),
    Client("java", "java.net.http.HttpClient", "Java", "WithHttpClient.java", **_RAW),
    Client("go", "net/http", "Go", "with_http.go", **_RAW),
    Client("curl", "curl", "shell", "with_curl.py", **_RAW, without=_NOT_ASYNC),
    Client("wget", "wget", "shell", "with_wget.py", **_RAW, without=_NOT_ASYNC, own=_both("401", _WGET_401)),
)  # fmt: skip
