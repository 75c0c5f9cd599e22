"""`mitmvault ca install --apply` for real: update-ca-certificates in a mount namespace of the test's own.

Afterwards curl, which was told nothing about certificates, believes the proxy; after the way back, no more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitmvault.core.setup import trust_stores
from mitmvault.home import authority
from mitmvault.home.layout import Home
from tests.authorities import home_with_authority
from tests.serving import ADDONS, Serving

pytestmark = pytest.mark.e2e

UNTRUSTED = 60  # curl's exit code for a certificate of nobody it knows
# The machine's store, copied: what is changed in here goes with the namespace.
SCRIPT = f"""set -e
mount -t tmpfs none {trust_stores.DEBIAN_DIRECTORY}
cp -a /etc/ssl/certs certs && mount --bind certs /etc/ssl/certs
ask() {{ curl -s -o answer https://demo.mitmvault.test/v1/models -H "Authorization: Bearer $TOKEN" && echo "curl 0" || echo "curl $?"; }}
ask
$MITMVAULT ca install --apply
ask
ls {trust_stores.DEBIAN_DIRECTORY}
$MITMVAULT ca uninstall --apply
ask
"""


def why_not() -> str | None:
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("update-ca-certificates"):
        return "this needs root on a machine with update-ca-certificates"
    mounts = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    return "this machine gives nobody a mount namespace" if mounts.returncode else None


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    home = home_with_authority(tmp_path_factory.mktemp("person") / "home")
    with Serving(home.path) as running:
        yield running.ready()


def test_the_first_start_uses_the_authority_that_is_there(serving: Serving) -> None:
    made = authority.load(Home(serving.home))
    assert serving.ca == made.path and made.warnings == ()
    assert "ca/" not in serving.stderr


def test_installed_and_removed(serving: Serving, tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ADDONS), "HTTPS_PROXY": serving.url,
        "TOKEN": serving.fact("user token"), "MITMVAULT_HOME": str(serving.home),
        "MITMVAULT": f"{sys.executable} -m mitmvault",
    }  # fmt: skip
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", SCRIPT], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    name = f"{trust_stores.name(authority.load(Home(serving.home)).certificate)}.crt"
    assert done.stdout.split("\n") == [f"curl {UNTRUSTED}", "curl 0", name, f"curl {UNTRUSTED}", ""], done.stderr
    assert '"id":"demo"' in (tmp_path / "answer").read_text()
    assert not Path(trust_stores.DEBIAN_DIRECTORY, name).exists()  # outside of the namespace
