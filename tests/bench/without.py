"""mitmvault without what watches requests: loaded by `mitmvault serve --set scripts=…` in place of addons/entry.py.

Left out are the ledger's bookkeeper, the metrics and the counter of tokens, and the meter in the stream with them.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location

from mitmvault.home.resources import entry_script
from mitmvault.wire import meter

WATCHING = {"Bookkeeper", "Metrics", "Counter", "RequestLog", "Traces"}

meter.install = lambda: None
_spec = spec_from_file_location("mitmvault_entry", entry_script())
assert _spec and _spec.loader
_entry = module_from_spec(_spec)
_spec.loader.exec_module(_entry)

addons = [addon for addon in _entry.addons if type(addon).__name__ not in WATCHING]
