"""Whole or not at all, private from the first byte, with the version before."""

import os
import stat
import threading

import pytest

from mitmvault.home import files
from mitmvault.home.layout import HomeError


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_first_write_is_private(tmp_path):
    files.write_atomic(tmp_path / "f", b"one")
    assert (tmp_path / "f").read_bytes() == b"one" and mode(tmp_path / "f") == 0o600
    assert os.listdir(tmp_path) == ["f"]


def test_previous_version_stays_private(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"one")
    path.chmod(0o644)
    for data in (b"two", b"three"):
        files.write_atomic(path, data, 0o640)
    assert path.read_bytes() == b"three" and mode(path) == 0o640
    assert (tmp_path / "f.previous").read_bytes() == b"two" and mode(tmp_path / "f.previous") == 0o600


def test_without_previous(tmp_path):
    for data in (b"one", b"two"):
        files.write_atomic(tmp_path / "f", data, keep_previous=False)
    assert os.listdir(tmp_path) == ["f"]


def test_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"one")
    (tmp_path / "link").symlink_to("real")
    files.write_atomic(tmp_path / "link", b"two")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"two"


@pytest.mark.parametrize("step", ["fsync", "fchmod", "replace"])
def test_failure_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, step):
    (tmp_path / "f").write_bytes(b"one")

    def fail(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space"):
        files.write_atomic(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"one" and os.listdir(tmp_path) == ["f"]


def test_file_and_directory_reach_the_disk(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)), fsync(fd)))
    files.write_atomic(tmp_path / "f", b"one")
    assert synced == [False, True]


def test_read_up_to_the_limit(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    assert files.read(tmp_path / "f", 5) == b"12345"
    with pytest.raises(HomeError, match="larger than 4 bytes"):
        files.read(tmp_path / "f", 4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: os.mkfifo(path), "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    ],
    ids=["missing", "directory", "fifo", "device"],
)
def test_what_is_not_read(tmp_path, make, message):
    make(tmp_path / "f")
    free = os.dup(0)  # the lowest number that is free
    os.close(free)
    with pytest.raises(HomeError, match=message) as caught:
        files.read(tmp_path / "f", 5)
    again = os.dup(0)
    os.close(again)
    assert again == free  # nothing stays open
    assert str(tmp_path / "f") in str(caught.value)


def test_lock_admits_one(tmp_path):
    entered = threading.Event()

    def second():
        with files.locked(tmp_path):
            entered.set()

    with files.locked(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.05)
    assert entered.wait(5)
    thread.join()
