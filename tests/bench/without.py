"""mitmvault without what watches requests: loaded by `mitmvault serve --set scripts=…` in place of addons/entry.py.

Left out are the ledger, the metrics and the counting of tokens, who else listens to the ends of requests, and the meter in
the stream.
"""

from mitmvault.wire import meter
from tests.bench.entry import COUNTING, LISTENING
from tests.bench.entry import addons as every

meter.install = lambda: None
addons = [addon for addon in every() if type(addon).__name__ not in COUNTING | LISTENING]
