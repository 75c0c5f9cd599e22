"""How each kind of program makes one HTTPS request, so that `mitmvault doctor` can see whether it comes through.

Rules: 1. A probe is a program of the person's own, found on PATH, with a script of a few lines; nothing is installed.
       2. It asks the demo provider, which tells what reached it: a probe has passed if it prints those words.
       3. A token stands in no command line: scripts read it from the environment, others from a file.

Sources for the diagnoses: what the programs print (2026, tried); the traps are those of PROVIDERS.md, section 9.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

HOST = "demo.mitmvault.test"
URL = f"https://{HOST}/v1/chat/completions"
KEY = "MITMVAULT_DOCTOR_KEY"  # in the probe's environment: what it sends as its key
PASSED = "did not arrive"  # the demo provider, of the user token
ABSENT = 77  # exit code: the library is not installed
BODY = json.dumps({"model": "demo-1", "messages": [{"role": "user", "content": "doctor"}]})

_PYTHON = f"""
import json, os, sys
URL, BODY = {URL!r}, {BODY!r}
HEADERS = {{"Authorization": "Bearer " + os.environ[{KEY!r}], "Content-Type": "application/json"}}
try:
    import IMPORTS
except ImportError:
    sys.exit({ABSENT})
"""
_NODE = f"const url = {URL!r}, body = {BODY!r}; const headers = " \
        f"{{Authorization: 'Bearer ' + process.env.{KEY}, 'Content-Type': 'application/json'}};\n"  # fmt: skip
_JAVA = f"""
import java.net.URI; import java.net.http.*;
public class Probe {{ public static void main(String[] a) throws Exception {{
  var request = HttpRequest.newBuilder(URI.create("{URL}"))
    .header("Authorization", "Bearer " + System.getenv("{KEY}")).header("Content-Type", "application/json")
    .POST(HttpRequest.BodyPublishers.ofString({json.dumps(BODY)})).build();
  System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
}} }}
"""
_GO = f"""package main
import ("fmt"; "io"; "net/http"; "os"; "strings")
func main() {{
  request, _ := http.NewRequest("POST", "{URL}", strings.NewReader({json.dumps(BODY)}))
  request.Header.Set("Authorization", "Bearer " + os.Getenv("{KEY}"))
  request.Header.Set("Content-Type", "application/json")
  answer, err := http.DefaultClient.Do(request)
  if err != nil {{ fmt.Fprintln(os.Stderr, err); os.Exit(1) }}
  body, _ := io.ReadAll(answer.Body); fmt.Println(string(body))
}}
"""
_RUBY = f"""
require "net/http"
answer = Net::HTTP.post(URI("{URL}"), {BODY!r}, "Authorization" => "Bearer " + ENV["{KEY}"],
                        "Content-Type" => "application/json")
puts answer.body
"""
_PERL = f"""
eval {{ require LWP::UserAgent; require LWP::Protocol::https; 1 }} or exit {ABSENT};
my $answer = LWP::UserAgent->new->post("{URL}", Content => {BODY!r}, "Content-Type" => "application/json",
                                       Authorization => "Bearer " . $ENV{{{KEY}}});
print $answer->status_line, "\\n", $answer->decoded_content, "\\n";
"""
_PHP = f"""
if (!function_exists("curl_init")) exit({ABSENT});
$c = curl_init("{URL}");
curl_setopt_array($c, [CURLOPT_RETURNTRANSFER => true, CURLOPT_POSTFIELDS => {BODY!r},
  CURLOPT_HTTPHEADER => ["Authorization: Bearer " . getenv("{KEY}"), "Content-Type: application/json"]]);
$text = curl_exec($c); if ($text === false) {{ fwrite(STDERR, curl_error($c)); exit(1); }} echo $text;
"""


@dataclass(frozen=True)
class Probe:
    """A program's request. `file` is a script (name, content) in the probe's own directory, `{file}` its path."""

    name: str
    program: str
    arguments: tuple[str, ...]
    file: tuple[str, str] | None = None
    token_as_key: bool = False  # it cannot send proxy credentials
    passed: str = PASSED
    trap: str = ""  # what to know about it, said when it fails without the variables of `mitmvault run`
    slow: bool = False  # it compiles something first
    token: bool = True  # can it send a key that it is given? Else proxy credentials must do

    @property
    def names(self) -> frozenset[str]:
        """By which people choose it, in lower case."""
        return frozenset({self.name.lower(), self.program, self.name.split()[0].lower()})


def _python(name: str, imports: str, script: str, trap: str = "") -> Probe:
    text = _PYTHON.replace("IMPORTS", imports) + script
    return Probe(f"Python {name}", "python3", ("{file}",), ("probe.py", text), trap=trap)


def _node(name: str, script: str, trap: str = "") -> Probe:
    return Probe(f"Node {name}", "node", ("{file}",), ("probe.mjs", _NODE + script), trap=trap)


_CURL = (
    f'header = "Authorization: Bearer {{key}}"\nheader = "Content-Type: application/json"\ndata = {json.dumps(BODY)}\n'
)
_WGET = ("-nv", "-O-", "--tries=1", "--content-on-error", "--header=Content-Type: application/json",
         f"--post-data={BODY}")  # fmt: skip
PROBES = (
    Probe("curl", "curl", ("-sS", "-K", "{file}", URL), ("curlrc", _CURL),
          trap="curl believes CURL_CA_BUNDLE before SSL_CERT_DIR, and that before SSL_CERT_FILE"),
    Probe("wget", "wget", (*_WGET, URL), token=False),
    _python("urllib", "urllib.request", """
request = urllib.request.Request(URL, BODY.encode(), HEADERS)
print(urllib.request.urlopen(request).read().decode())
"""),
    _python("requests", "requests", "print(requests.post(URL, data=BODY, headers=HEADERS).text)",
            "requests replaces its store: REQUESTS_CA_BUNDLE"),
    _python("httpx", "httpx", "print(httpx.post(URL, content=BODY, headers=HEADERS).text)",
            "httpx clients with a transport= of their own, or trust_env=False, bypass every proxy variable"),
    _python("aiohttp", "aiohttp, asyncio", """
async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with session.post(URL, data=BODY, headers=HEADERS) as answer:
            print(await answer.text())
asyncio.run(main())
""", "aiohttp reads proxy variables only with trust_env=True"),
    _node("https", """
import https from 'node:https';
const request = https.request(url, {method: 'POST', headers}, answer => answer.pipe(process.stdout));
request.on('error', error => { console.error(String(error.cause || error)); process.exit(1); });
request.end(body);
""", "Node before 22.21 ignores proxy variables: NODE_USE_ENV_PROXY=1 from there on, mitmvault run for all"),
    _node("fetch", """
try { console.log(await (await fetch(url, {method: 'POST', headers, body})).text()); }
catch (error) { console.error(String(error.cause || error)); process.exit(1); }
""", "Node before 24 ignores proxy variables in fetch: mitmvault run teaches it"),
    Probe("Java", "java", ("{file}",), ("Probe.java", _JAVA), token_as_key=True, slow=True,
          trap="JVMs read no proxy variables, and have a truststore of their own: JAVA_TOOL_OPTIONS"),
    Probe("Go", "go", ("run", "{file}"), ("probe.go", _GO), slow=True,
          trap="Go reads SSL_CERT_FILE on Linux, not on macOS"),
    Probe("Ruby", "ruby", ("{file}",), ("probe.rb", _RUBY)),
    Probe("PHP", "php", ("{file}",), ("probe.php", "<?php" + _PHP),
          trap="PHP's curl extension reads curl.cainfo of php.ini, and no variable"),
    Probe("Perl", "perl", ("{file}",), ("probe.pl", _PERL),
          trap="LWP reads proxy variables with PERL_LWP_ENV_PROXY=1 alone, and authorities in PERL_LWP_SSL_CA_FILE"),
    Probe("git", "git", ("ls-remote", f"https://{HOST}/probe.git"), passed="not found", token=False,
          trap="git reads GIT_SSL_CAINFO"),
)  # fmt: skip

# What a failed probe has printed -> what is wrong, and what to do.
_TRUST = "it does not trust our authority"
_AROUND = "it does not use the proxy"
_SYMPTOMS = (
    (("certificate", "CERT", "PKIX", "issuer", "x509", "trust"), _TRUST,
     "SSL_CERT_FILE, CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS"),
    (("resolve", "ENOTFOUND", "EAI_AGAIN", "getaddrinfo", "Name or service", "UnresolvedAddress", "no such host",
      "nodename"), _AROUND, "HTTPS_PROXY"),
    (("407", "Proxy Authentication"), "the proxy wants the user token as its credentials", "HTTPS_PROXY"),
    (("403", "unknown_token", "missing_token", "401"), "the proxy does not know the token that it sent", "HTTPS_PROXY"),
    (("refused", "ECONNREFUSED"), "nobody listens at the proxy's address", "HTTPS_PROXY"),
)  # fmt: skip


def diagnosis(output: str) -> tuple[str, str]:
    """What is wrong, from what a probe that failed has printed, and the variables that this is about."""
    for words, text, variables in _SYMPTOMS:
        if any(word in output for word in words):
            return text, variables
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return (f"it says: {lines[-1][:200]}" if lines else "it says nothing"), ""


def chosen(names: Iterable[str]) -> tuple[Probe, ...]:
    """The probes by name or program, all where none is named. Raises ValueError that lists those that there are."""
    wanted = [name.lower() for name in names]
    unknown = next((name for name in wanted if not any(name in probe.names for probe in PROBES)), None)
    if unknown:
        raise ValueError(f"there is no client {unknown}; there is: {', '.join(probe.name for probe in PROBES)}")
    return tuple(probe for probe in PROBES if not wanted or not probe.names.isdisjoint(wanted))
