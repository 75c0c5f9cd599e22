"""mitmvault with the ledger, the metrics and the counting of tokens, and nobody else who watches: compare without.py."""

from tests.bench.entry import LISTENING, without

addons = without(LISTENING)
