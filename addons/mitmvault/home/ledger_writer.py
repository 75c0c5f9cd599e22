"""Brings rows to the ledger, in batches, from a thread of its own: no request ever waits for the disk.

Rules: 1. A row is written within INTERVAL seconds, and earlier when BATCH rows wait. `close` writes what is left.
       2. A ledger that cannot be written (locked, disk full, damaged) is reported once; its rows wait, for another try.
       3. No more than MAX_WAITING rows wait. Those beyond are dropped, counted, and told of.
"""

from __future__ import annotations

import logging
import threading
import time

from mitmvault.core.records.record import Record
from mitmvault.home.ledger import Ledger, LedgerError

logger = logging.getLogger(__name__)

INTERVAL = 0.25  # seconds
BATCH = 500
MAX_WAITING = 50_000
RETRY_AFTER = 1.0  # seconds after a write that failed
_SWEEP = 3600.0  # seconds between two looks for rows that are too old
_DAY = 86400


class LedgerWriter:
    """Give it rows from any thread. `days` is how long they are kept; it may be changed at any time."""

    def __init__(self, ledger: Ledger, days: int, *, max_waiting: int = MAX_WAITING) -> None:
        self.days = days
        self.dropped = 0
        self._ledger = ledger
        self._max_waiting = max_waiting
        self._waiting: list[Record] = []
        self._batch: list[Record] = []  # the writer's own: taken, and not written yet
        self._changed = threading.Condition()
        self._closing = False
        self._failing = False
        self._swept = -_SWEEP
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Begin; the ledger is opened at once, so that what is wrong is said now."""
        self._thread.start()

    def put(self, row: Record) -> None:
        """Take a row. Does not wait, and does not raise."""
        with self._changed:
            if self._closing or len(self._waiting) + len(self._batch) >= self._max_waiting:
                self.dropped += 1
                return
            self._waiting.append(row)
            if len(self._waiting) in (1, BATCH):  # the first wakes the writer, and so does a whole batch
                self._changed.notify()

    @property
    def waiting(self) -> int:
        """How many rows are not written yet."""
        with self._changed:
            return len(self._waiting) + len(self._batch)

    @property
    def failing(self) -> bool:
        """Did the last try to write fail?"""
        return self._failing

    def close(self, timeout: float = 5.0) -> None:
        """Write what is left, and end. `timeout`: seconds to wait for that."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        lost = self.dropped + len(self._batch) + len(self._waiting)
        if lost:
            logger.error("the ledger misses %d requests that could not be written", lost)

    def _run(self) -> None:
        self._sweep()
        while not self._take():
            self._write()
        self._write()
        self._ledger.close()

    def _take(self) -> bool:
        """Wait for rows, or for the end. Is it the end?"""
        with self._changed:
            if self._failing:
                self._changed.wait_for(lambda: self._closing, RETRY_AFTER)
            else:
                self._changed.wait_for(lambda: self._closing or self._waiting, _SWEEP)
                self._changed.wait_for(lambda: self._closing or len(self._waiting) >= BATCH, INTERVAL)
            self._batch += self._waiting
            self._waiting = []
            return self._closing

    def _write(self) -> None:
        try:
            if self._batch:
                self._ledger.write(self._batch)
            elif self._failing:
                self._forget()  # there is nothing to try again but this
            self._batch = []
        except LedgerError as error:
            self._fails(str(error))
        except Exception as error:  # a mistake of ours, which the same rows would repeat
            with self._changed:
                self.dropped += len(self._batch)
                self._batch = []
            self._fails(type(error).__name__)
        else:
            if self._failing:
                self._failing = False
                logger.warning("the ledger is written again; %d requests are missing in it", self.dropped)
            self._sweep()

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept < _SWEEP:
            return
        self._swept = now
        try:
            self._forget()
        except LedgerError as error:
            self._fails(str(error))
        except Exception as error:
            self._fails(type(error).__name__)

    def _forget(self) -> None:
        self._ledger.forget(time.time() - self.days * _DAY)

    def _fails(self, why: str) -> None:
        if not self._failing:
            logger.error("the ledger cannot be written: %s. Requests go on; the rows wait and are tried again", why)
        self._failing = True
