"""The programs that the doctor tries, and what their words mean."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess

import pytest

from mitmvault.core.doctor import client_probes
from mitmvault.core.doctor.client_probes import PROBES


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], [probe.name for probe in PROBES]),
        (["curl"], ["curl"]),
        (["python"], ["Python urllib", "Python requests", "Python httpx", "Python aiohttp"]),
        (["Node fetch", "GIT"], ["Node fetch", "git"]),
    ],
)
def test_chosen(names, found):
    assert [probe.name for probe in client_probes.chosen(names)] == found


def test_who_is_not_there_is_told_who_is():
    with pytest.raises(ValueError, match=r"no client lisp; there is: curl, wget"):
        client_probes.chosen(["curl", "lisp"])


@pytest.mark.parametrize(
    ("output", "words", "variable"),
    [
        ("curl: (60) SSL certificate problem: unable to get local issuer certificate", "trust", "SSL_CERT_FILE"),
        ("javax.net.ssl.SSLHandshakeException: PKIX path building failed", "trust", ""),
        ("Error: getaddrinfo ENOTFOUND demo.mitmvault.test", "does not use the proxy", "HTTPS_PROXY"),
        ("curl: (6) Could not resolve host: demo.mitmvault.test", "does not use the proxy", "HTTPS_PROXY"),
        ('{"error":{"code":"unknown_token"}}', "does not know the token", ""),
        ("curl: (7) Failed to connect: Connection refused", "nobody listens", ""),
        ("one\n\n  another thing \n", "it says: another thing", ""),
        ("", "it says nothing", ""),
    ],
)
def test_diagnosis(output, words, variable):
    text, variables = client_probes.diagnosis(output)
    assert words in text and variable in variables


def test_scripts_are_whole():
    for probe in PROBES:
        assert probe.file is None or any("{file}" in argument for argument in probe.arguments), probe.name
        assert probe.file or not probe.token, probe.name  # else the token would stand in the command line
        if probe.program == "python3":
            ast.parse(probe.file[1])
    assert json.loads(client_probes.BODY)["model"] == "demo-1"


@pytest.mark.parametrize(("program", "option"), [("perl", "-c"), ("ruby", "-c"), ("php", "-l")])
def test_scripts_are_valid(tmp_path, program, option):
    (probe,) = (probe for probe in PROBES if probe.program == program)
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} on this machine")
    path = tmp_path / probe.file[0]
    path.write_text(probe.file[1])
    subprocess.run([program, option, path], check=True)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
def test_the_scripts_for_node_are_valid(tmp_path):
    for number, probe in enumerate(probe for probe in PROBES if probe.program == "node"):
        path = tmp_path / f"{number}.mjs"
        path.write_text(probe.file[1])
        subprocess.run(["node", "--check", path], check=True)
