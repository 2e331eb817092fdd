"""Rows in a temporary folder: one copy for all processes, gone when it is over."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
from made_up_data import load_prepared, spec

from bnexp.data import share
from bnexp.data.rows import RawRows
from bnexp.data.share import open_shared, shared_rows
from bnexp.errors import DatasetError


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def is_mapped(array) -> bool:
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


def test_what_is_shared_is_mapped_and_has_the_same_bits(place):
    few = spec(train=300, test=20)
    options = {"standardize": "pixel", "train": 900, "validation": 150, "label_noise": 0.1}
    with shared_rows([few, spec(**options), spec(test=300)]) as folder:
        assert len(list(folder.glob("*/x_train.npy"))) == 1
        for wanted in (few, spec(**options)):
            shared = load_prepared(wanted, np.float32, shared=folder, keep_raw=True)
            alone = load_prepared(wanted, np.float32)
            assert isinstance(shared.x_train, RawRows)
            assert is_mapped(shared.x_train.raw)
            for part in ("train", "val", "test"):
                assert np.array_equal(shared.rows(part), alone.rows(part))
                assert np.array_equal(shared.labels(part), alone.labels(part))
        assert folder.parent == place
        assert folder.stat().st_mode & 0o77 == 0
    assert list(place.iterdir()) == []


def test_another_dataset_is_read_as_ever(mini_mnist, data_cache):
    mini_mnist.write(data_cache / "mnist")
    mnist = spec(name="mnist", train=12, test=5)
    with shared_rows([spec()]) as folder:
        assert folder is not None
        assert open_shared(folder, mnist) is None
        assert load_prepared(mnist, np.float32, shared=folder).x_train.shape == (12, 6)


def test_nothing_to_share(place):
    with shared_rows([]) as folder:
        assert folder is None
    assert list(place.iterdir()) == []


def test_a_users_own_numbers_are_shared_too(place):
    path = place / "mine.npz"
    x = np.random.default_rng(0).normal(size=(600, 3))
    np.savez(path, x_train=x, y_train=np.arange(600) % 3)
    mine = spec(name="npz", path=str(path), train=600, test=0, standardize="channel")
    with shared_rows([mine]) as folder:
        data = load_prepared(mine, np.float32, shared=folder)
    assert np.array_equal(data.rows("train"), load_prepared(mine, np.float32).rows("train"))
    assert data.x_test.shape == (0, 3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, DatasetError])
def test_the_folder_goes_after_errors_too(place, error):
    with pytest.raises(error), shared_rows([spec()]):
        raise error
    assert list(place.iterdir()) == []


def test_files_that_cannot_be_read_leave_nothing(mini_mnist, data_cache, place):
    with pytest.raises(DatasetError, match="cannot download"), shared_rows([spec(name="mnist")]):
        raise AssertionError
    assert list(place.glob("bnexp*")) == []


def test_no_space(place, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", full)
    message = r"No space left on device; .* TMPDIR"
    with pytest.raises(DatasetError, match=message), shared_rows([spec()]):
        raise AssertionError
    assert list(place.iterdir()) == []


def test_damaged_files_are_named(place):
    with shared_rows([spec()]) as folder:
        next(folder.glob("*/x_test.npy")).write_bytes(b"junk")
        with pytest.raises(DatasetError, match="decoded examples cannot be read"):
            load_prepared(spec(), np.float32, shared=folder)


CHILD = """
import os, sys, tempfile
tempfile.tempdir = sys.argv[1]
from bnexp.data.share import shared_rows
from bnexp.describe import DataSpec
with shared_rows([DataSpec("digits", None, None, 9, 0, "plain", 0, 0, "unit", 0.0)]) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_leaves_is_removed_by_the_next(place, monkeypatch):
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        left = place / child.stdout.readline().strip()
        monkeypatch.setattr(share, "_YOUNG", -1.0)
        with shared_rows([spec()]):
            assert left.is_dir()  # its maker is at work
        child.kill()
    monkeypatch.setattr(share, "_YOUNG", 60.0)
    with shared_rows([spec()]):
        assert left.is_dir()  # too young: its maker may be about to lock it
    os.utime(left, (time.time() - 61,) * 2)
    with shared_rows([spec()]):
        assert not left.exists()
    assert list(place.iterdir()) == []
