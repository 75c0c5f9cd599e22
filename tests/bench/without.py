"""mitmvault without what watches requests: loaded by `mitmvault serve --set scripts=…` in place of addons/entry.py.

Left out are the ledger, the metrics and the counting of tokens, who else listens to the ends of requests, and the meter
in the stream. The story line is written all the same.
"""

from mitmvault.wire import meter
from tests.bench.entry import COUNTING, LISTENING, without

meter.install = lambda: None
addons = without(COUNTING | LISTENING)
