"""Datasets as arrays: values, order, counts, types; and the digits as they were shipped."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

import bnexp.data
from bnexp.data import load_dataset
from bnexp.data.digits import read_digits
from bnexp.data.files import ensure_files
from bnexp.data.locate import EMBEDDED
from bnexp.describe import DATASETS
from bnexp.errors import ConfigError, DatasetError


class TestIdx:
    @pytest.fixture(autouse=True)
    def _written(self, mini_mnist, data_cache):
        mini_mnist.write(data_cache / "mnist")

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_values_and_labels_are_those_of_the_files(self, mini_mnist, dtype):
        data = load_dataset("mnist", dtype=dtype)
        pixels = list(mini_mnist.content["train-images-idx3-ubyte"][16:])
        assert data.x_train.ravel().tolist() == [dtype(pixel) / dtype(255) for pixel in pixels]
        assert data.y_train.tolist() == list(mini_mnist.content["train-labels-idx1-ubyte"][8:])
        assert data.y_test.tolist() == list(mini_mnist.content["t10k-labels-idx1-ubyte"][8:])
        assert data.x_train.shape == (12, 6)
        assert data.x_test.shape == (5, 6)
        assert data.x_train.dtype == data.x_test.dtype == dtype
        assert data.y_train.dtype == data.y_test.dtype == np.intp
        assert data.x_train.flags.c_contiguous
        assert (data.name, data.classes) == ("mnist", 4)

    def test_counts_take_the_first_in_order(self):
        whole, part = load_dataset("mnist"), load_dataset("mnist", train=3, test=2)
        assert np.array_equal(part.rows("train"), whole.rows("train", 0, 3))
        assert np.array_equal(part.y_test, whole.y_test[:2])
        assert part.y_train.shape == (3,)
        assert part.x_test.shape == (2, 6)

    def test_only_what_is_asked_for_is_converted(self):
        part = load_dataset("mnist", train=3)
        assert part.x_train.base is None or part.x_train.base.size == 3 * 6

    def test_without_test_examples(self):
        data = load_dataset("mnist", test=0)
        assert data.x_test.shape == (0, 6)
        assert data.y_test.shape == (0,)

    def test_facts_may_stand_for_the_name(self, mini_mnist):
        assert load_dataset(mini_mnist.facts).y_train.shape == (12,)

    def test_the_arrays_are_read_only(self):
        data = load_dataset("mnist")
        arrays = (data.rows("train"), data.rows("test"), data.y_train, data.y_test)
        for array in arrays:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0

    def test_a_file_that_changed_in_the_cache_is_refused(self, mini_mnist, data_cache):
        path = data_cache / "mnist" / "train-labels-idx1-ubyte.gz"
        path.write_bytes(mini_mnist.content["train-labels-idx1-ubyte"][:-1] + b"\3")
        with pytest.raises(DatasetError, match="its content has MD5"):
            load_dataset("mnist")


WRONG = {
    "too many": ({"train": 13}, "train is 13; allowed for MNIST: all, or .* from 1 to 12"),
    "none to train on": ({"train": 0}, "train is 0"),
    "negative": ({"test": -1}, "test is -1; allowed .* from 0 to 5"),
    "a share": ({"train": 0.5}, r"train is 0\.5"),
    "a boolean": ({"test": True}, "test is True"),
    "a word": ({"train": "some"}, "train is 'some'"),
    "whole numbers": ({"dtype": np.int64}, "dtype is int64; allowed: float32, float64"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(mini_mnist, data_cache, arguments, message):
    mini_mnist.write(data_cache / "mnist")
    with pytest.raises(ConfigError, match=message):
        load_dataset("mnist", **arguments)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'minst'; allowed: digits, mnist, fashion-mnist"):
        load_dataset("minst")


class TestDigits:
    def test_counts_means_and_balance_of_the_split(self):
        data = load_dataset("digits")
        assert data.x_train.shape == (1297, 64)
        assert data.x_test.shape == (500, 64)
        assert (data.rows("train") * 16).sum(dtype=np.float64) == 406_262
        assert data.x_train.mean(dtype=np.float64) == pytest.approx(4.894251156515034 / 16)
        assert data.x_test.mean(dtype=np.float64) == pytest.approx(4.858 / 16)
        assert (data.x_train.min(), data.x_train.max()) == (0.0, 1.0)
        assert np.bincount(data.y_train).tolist() == [
            128, 131, 128, 132, 130, 131, 130, 129, 128, 130,
        ]  # fmt: skip
        assert np.bincount(data.y_test).tolist() == [50, 51, 49, 51, 51, 51, 51, 50, 46, 50]
        assert data.y_train[:10].tolist() == list(range(10))

    def test_the_first_digit_is_a_zero(self):
        image = load_dataset("digits", train=1).x_train.reshape(8, 8) * 16
        assert image[0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
        assert image[4].tolist() == [0, 5, 8, 0, 0, 9, 8, 0]

    def test_checksum_is_of_images_then_labels(self):
        with np.load(EMBEDDED["digits"], allow_pickle=False) as archive:
            images, labels = archive["images"], archive["labels"]
        assert images.dtype == labels.dtype == np.uint8
        md5 = hashlib.md5(images.tobytes() + labels.tobytes()).hexdigest()
        assert md5 == DATASETS["digits"].content["digits.npz"]
        assert md5 in EMBEDDED["digits"].with_suffix(".md").read_text(encoding="utf-8")

    def test_training_examples_go_before_test_examples(self):
        images, labels = read_digits(DATASETS["digits"])
        data = load_dataset("digits", train=1297, test=1)
        assert np.array_equal(data.rows("test")[0] * 16, images[1297].ravel())
        assert data.y_test.tolist() == [labels[1297]]

    def test_a_changed_archive_is_refused(self, tmp_path):
        images, labels = read_digits(DATASETS["digits"])
        changed = images.copy()
        changed[0, 0, 0] = 1
        path = tmp_path / "digits.npz"
        np.savez_compressed(path, images=changed, labels=labels)
        with pytest.raises(DatasetError, match="damaged: its content has MD5"):
            read_digits(DATASETS["digits"], path)

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04junk", b"<html>"])
    def test_junk_is_refused(self, tmp_path, content):
        path = tmp_path / "digits.npz"
        path.write_bytes(content)
        with pytest.raises(DatasetError, match="Install bnexp again"):
            read_digits(DATASETS["digits"], path)


class TestEnsureFiles:
    def test_missing_files_are_downloaded_once(self, mini_mnist, mirror, data_cache):
        mini_mnist.serve(mirror)
        paths = ensure_files(mini_mnist.facts)
        assert [path.name for path in paths] == list(mini_mnist.content)
        assert ensure_files(mini_mnist.facts) == paths
        assert len(mirror.requests) == 4

    def test_the_test_set_may_be_left_out(self, mini_mnist, data_cache, tmp_path):
        folder = mini_mnist.write(tmp_path / "half", only="train")
        paths = ensure_files(mini_mnist.facts, test=False, data_dir=folder)
        assert [path.parent for path in paths] == [folder] * 2

    def test_embedded_digits_are_here(self):
        assert ensure_files(DATASETS["digits"]) == (EMBEDDED["digits"],)


def test_finding_and_getting_files_needs_no_numpy():
    code = "import bnexp.data.files, bnexp.data.overview, sys; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="has no attribute 'load_datasets'"):
        _ = bnexp.data.load_datasets


@pytest.mark.parametrize("zipped", [False, True])
def test_verified_elsewhere_only_what_is_asked_for_is_read(mini_mnist, data_cache, zipped):
    mini_mnist.write(data_cache / "mnist", zipped=zipped)
    for counts in ({"train": 2, "test": 1}, {"train": "all", "test": "all"}, {"test": 0}):
        whole = load_dataset("mnist", **counts)
        part = load_dataset("mnist", **counts, verified=True)
        for name in ("x_train", "y_train", "x_test", "y_test"):
            assert np.array_equal(getattr(whole, name), getattr(part, name))
