"""Writes the requests of tests/fixtures/providers anew: lets the real SDKs send them to a fake provider on loopback.

    MITMVAULT_CLIENTS_PYTHON=.venv-clients/bin/python PYTHONPATH=addons python -m tests.capture [ID …]

No proxy is in between, nothing leaves the machine, and each SDK must understand the answer of the fixture. It is over TLS,
because Amazon's SDK shows a bearer key to nobody without. Run it after an update of tests/clients/requirements.txt and look
at the difference. Amazon's SDK is not in there: pip install boto3.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests import fixture, sdk
from tests.provider import Arrived, FakeProvider

TEXT = "Pong 🏓"
CREDENTIAL = "capture-credential-0123456789"
# Of the connection, of one run, or of the machine.
VOLATILE = re.compile(
    r"host|content-length|connection|x-stainless-(arch|os|runtime-version|retry-count|read-timeout|timeout)"
    r"|amz-sdk-(invocation-id|request)|x-amz-date|idempotency-key|x-idempotency-key|x-request-id|traceparent|x-amzn-trace-id|x-fern-platform"
)
SYSTEM = re.compile(r" (os|md)/\S+#\S+")
# Script -> the package whose version counts; the others say it themselves.
PACKAGES = {
    "openai_sdk.py": "openai",
    "azure_sdk.py": "openai",
    "anthropic_sdk.py": "anthropic",
    "gemini_sdk.py": "google-genai",
}
OTHERS = {
    "mistral": "mistralai", "cerebras": "cerebras-cloud-sdk", "huggingface": "huggingface_hub", "vertex": "google-genai",
    "claude-on-vertex": "anthropic", "bedrock": "boto3",
}  # fmt: skip


def capture(exchange: fixture.Exchange, provider: FakeProvider, certificate: str) -> dict[str, Any]:
    """What the SDK sends for this exchange, as `made_by` and `request`."""
    client, answer = exchange.data["client"], exchange.data["answer"]
    provider.clear()
    provider.next(
        headers={"Content-Type": answer["type"]}, body=exchange.answer, when=lambda arrived: arrived.method == "POST"
    )
    put_in = {fixture.KEY: CREDENTIAL, fixture.HOST: provider.url}
    environ = {
        name: re.sub("|".join(put_in), lambda found: put_in[found[0]], value)
        for name, value in client["environ"].items()
    }
    environ |= {"SSL_CERT_FILE": certificate, "AWS_CA_BUNDLE": certificate, "AWS_EC2_METADATA_DISABLED": "true"}
    script, *arguments = client["command"]
    outcome = sdk.run({"it": client["command"]}, environ)["it"]
    # Scripts that make one call say its result, those that make several say it by name.
    said = outcome.said if script in PACKAGES else outcome.said.get(arguments[1], {})
    if said.get("text") != TEXT:
        raise SystemExit(f"{exchange.label}: the SDK did not understand the answer: {outcome}")
    print(f"{exchange.label}: {said['usage']}")
    package = PACKAGES.get(script) or OTHERS.get(arguments[0], arguments[0])
    (sent,) = [arrived for arrived in provider.arrivals if arrived.method == "POST"]
    return {"made_by": f"{package} {outcome.said['sdk']}", "request": request(sent)}


def request(sent: Arrived) -> dict[str, Any]:
    """The request without what is volatile."""
    headers = [
        [name, SYSTEM.sub("", value).replace(CREDENTIAL, fixture.KEY)]
        for name, value in sent.headers
        if not VOLATILE.fullmatch(name.lower())
    ]
    text = sent.body.decode()
    if CREDENTIAL in text + sent.target or "127.0.0.1" in text + json.dumps(headers):
        raise SystemExit(f"a credential or an address is in the request to {sent.target}")
    return {"method": sent.method, "target": sent.target, "headers": headers, "body": text}


def main(wanted: list[str]) -> None:
    """Capture for these providers, or for all."""
    sdk.require()
    with tempfile.TemporaryDirectory() as folder:
        files = (f"{folder}/cert.pem", f"{folder}/key.pem")
        made = (
            "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=fixtures -addext subjectAltName=IP:127.0.0.1"
        )
        subprocess.run([*made.split(), "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
        with FakeProvider(tls=files) as provider:
            for path in sorted(fixture.FOLDER.glob("*.json")):
                if not wanted or path.stem in wanted:
                    rewrite(path, provider, files[0])


def rewrite(path: Path, provider: FakeProvider, certificate: str) -> None:
    """Capture for one file."""
    whole = json.loads(path.read_text("utf-8"))
    for name, data in whole["exchanges"].items():
        exchange = fixture.Exchange(path.stem, name, whole["provider"], whole["host"], whole["vault"], data)
        captured = capture(exchange, provider, certificate)
        rest = {key: value for key, value in data.items() if key not in ("client", *captured)}
        whole["exchanges"][name] = {"client": data["client"], **captured, **rest}
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
