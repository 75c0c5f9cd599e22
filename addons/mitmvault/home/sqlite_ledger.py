"""The ledger in SQLite: one table, one row per request.

Rules: 1. The file is for its owner alone (0600); SQLite gives its two helpers, `-wal` and `-shm`, the same mode.
       2. WAL, synchronous=NORMAL: what is committed outlives the death of this process, and readers never wait. A
          power failure may take the last commits, and leaves a sound file. (sqlite.org/pragma.html#pragma_synchronous)
       3. `PRAGMA user_version` is the version of the schema. Older files are brought up to date, newer ones left alone.
       4. A file that is moved away or deleted while we run is made anew: rows must not go into one without a name.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from mitmvault.core.records.record import Record
from mitmvault.home.files import PRIVATE_FILE
from mitmvault.home.ledger import LedgerError

TABLE = "requests"
PATIENCE = 2.0  # seconds that a write waits for another writer
_SLICE = 5000  # rows that are deleted at once, so that nobody waits long

# The step from version n to n + 1 stands at index n. A step that was released is never changed.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY,
        started REAL NOT NULL, user TEXT, session TEXT, way TEXT, method TEXT, provider TEXT,
        model_asked TEXT, model_sent TEXT, target TEXT, mode TEXT, key TEXT, attempts INTEGER NOT NULL,
        status INTEGER, reason TEXT, aborted INTEGER NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL,
        first_byte_ms REAL, duration_ms REAL NOT NULL,
        tokens_in INTEGER, tokens_out INTEGER, tokens_cached_read INTEGER, tokens_cached_write INTEGER,
        tokens_reasoning INTEGER, tokens_source TEXT, cost REAL
    );
    CREATE INDEX requests_started ON requests (started);
    """,
    "ALTER TABLE requests ADD COLUMN flow TEXT",
    "ALTER TABLE requests ADD COLUMN overhead_ms REAL",
)
# Mistakes of ours, which would be made again; other errors are the file's or the disk's.
_OURS = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
_INSERT = f"INSERT INTO {TABLE} ({', '.join(Record._fields)}) VALUES "  # noqa: S608
_ROW = f"({', '.join('?' * len(Record._fields))})"
# Rows that one statement inserts. Each lets other threads go first and waits for its turn again: one for every
# row would take a second for what takes milliseconds, and disturb the thread that serves requests.
_TOGETHER = (512, 256, 128, 64, 32, 16, 8, 4, 2, 1)  # 512 rows have 14 000 values; SQLite takes 32 766 since 3.32
_DELETE = f"DELETE FROM {TABLE} WHERE id IN (SELECT id FROM {TABLE} WHERE started < ? LIMIT {_SLICE})"  # noqa: S608


class SqliteLedger:
    """Rows into a file, which is made when it is not there. For one thread."""

    def __init__(self, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
        self.path = path
        self._migrations = migrations
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def write(self, rows: Sequence[Record]) -> None:
        """Keep these rows, all or none. Raises LedgerError."""
        with self._transaction() as connection:
            for some in _slices(rows):
                connection.execute(_INSERT + ", ".join([_ROW] * len(some)), [value for row in some for value in row])

    def forget(self, before: float) -> None:
        """Delete what is older, slice by slice. Raises LedgerError."""
        deleted = _SLICE
        while deleted == _SLICE:
            with self._transaction() as connection:
                deleted = connection.execute(_DELETE, (before,)).rowcount

    def close(self) -> None:
        """Let go; the last one to do so folds the `-wal` file into the ledger."""
        connection, self._connection = self._connection, None
        if connection:
            with suppress(sqlite3.Error):
                connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with _begun(self._opened()) as connection:
                yield connection
        except (sqlite3.Error, OSError) as error:
            self.close()
            if isinstance(error, _OURS):
                raise
            raise LedgerError(_sentence(error)) from None

    def _opened(self) -> sqlite3.Connection:
        if self._connection and self._identity == _identity(self.path):  # rule 4
            return self._connection
        self.close()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        with closing(os.fdopen(descriptor, "rb", buffering=0)):
            os.fchmod(descriptor, PRIVATE_FILE)
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._identity = connection, _identity(self.path)
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        wanted = len(self._migrations)
        if version_of(connection) == wanted:
            return
        with _begun(connection):
            version = version_of(connection)  # another process may have been quicker
            if version > wanted:
                raise LedgerError(newer(self.path))
            for step in self._migrations[version:]:
                for statement in filter(str.strip, step.split(";")):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={wanted}")


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the schema in a file; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def newer(path: Path) -> str:
    """What is said about a file that a later mitmvault has written."""
    return f"{path} was written by a newer mitmvault: update this one, or move the file away"


@contextmanager
def _begun(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        with suppress(sqlite3.Error):  # some errors have rolled back already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _slices(rows: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """All rows, in slices of _TOGETHER: SQLite keeps the few statements that there are."""
    at = 0
    for size in _TOGETHER:
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sentence(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
