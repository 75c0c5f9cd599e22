"""mitmvault with the ledger, the metrics and the counting of tokens, and nobody else who watches: compare without.py."""

from tests.bench.entry import LISTENING
from tests.bench.entry import addons as every

addons = [addon for addon in every() if type(addon).__name__ not in LISTENING]
for addon in addons:
    if type(addon).__name__ == "Bookkeeper":
        addon.listeners = [one for one in addon.listeners if type(one.__self__).__name__ not in LISTENING]
