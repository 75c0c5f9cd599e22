"""Off unless somebody switched it on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mitmvault.wire import switch

ADDONS = Path(__file__).parent.parent / "addons"


def test_off_at_import():
    code = "from mitmvault.wire import switch; print(switch.is_on())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ADDONS, capture_output=True, text=True, timeout=30)
    assert done.stdout == "False\n", done.stderr


def test_on_and_off():
    switch.on()
    assert switch.is_on() is True
    switch.off()
    switch.off()
    assert switch.is_on() is False
