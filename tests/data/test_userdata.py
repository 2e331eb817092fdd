"""A user's own data: facts without NumPy, arrays with it, and what is said of malformed files."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from bnexp.data.files import ensure_data, verify_data
from bnexp.data.prepare import load_prepared
from bnexp.describe import DataSpec
from bnexp.errors import DatasetError
from bnexp.userdata import user_facts

X = np.arange(24, dtype=np.float32).reshape(6, 4)
Y = np.array([0, 1, 2, 0, 1, 2])


def load(path, train=6, test=0, dtype=np.float64, test_path=None, standardize="none", **options):
    name = "npz" if str(path).endswith("npz") else "csv"
    other = None if test_path is None else str(test_path)
    spec = DataSpec(name, str(path), other, train, 0, "plain", test, 0, standardize, 0.0)
    return load_prepared(spec, dtype, **options)


def npz(tmp_path, **arrays):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **{"x_train": X, "y_train": Y, **arrays})
    return path


def csv(tmp_path, text, name="mine.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestNpz:
    @pytest.mark.parametrize(
        "kind", ["?", "i1", "i2", "<i4", ">i8", "u1", "u2", "u4", "u8", "f2", ">f4", "f8"]
    )
    def test_labels_and_numbers_of_every_kind(self, tmp_path, kind):
        y = np.array([0, 1, 1, 0, 1, 1], kind)
        x = X.astype(kind)
        path = npz(tmp_path, x_train=x, y_train=y)
        assert user_facts("npz", str(path)).classes == 2
        data = load(path)
        assert np.array_equal(data.x_train, x.astype(float))
        assert np.array_equal(data.y_train, y.astype(int))

    @pytest.mark.parametrize("order", ["C", "F"])
    @pytest.mark.parametrize(
        ("shape", "input_shape"), [((2, 3, 2), (2, 2, 3)), ((3, 4), (3, 1, 4)), ((12,), (12,))]
    )
    def test_shapes_and_order_of_features(self, tmp_path, shape, input_shape, order):
        x = np.asarray(np.random.default_rng(0).random((6, *shape)), order=order)
        path = npz(tmp_path, x_train=x, x_test=x[:2], y_test=Y[:2])
        facts = user_facts("npz", str(path))
        assert (facts.shape, facts.input_shape) == (shape, input_shape)
        assert (facts.name, facts.title, facts.train, facts.test) == ("npz", "mine.npz", 6, 2)
        data = load(path, test=2)
        rows = x.transpose(0, 1, 3, 2) if len(shape) == 3 else x
        assert np.array_equal(data.x_train, rows.reshape(6, -1))
        assert np.array_equal(data.x_test, rows.reshape(6, -1)[:2])
        assert data.x_train.flags.c_contiguous

    def test_content_counts_and_unknown_keys(self, tmp_path):
        path = npz(tmp_path, comment=np.array(["text"]), more=np.array({}, dtype=object))
        facts = user_facts("npz", str(path))
        assert dict(facts.content) == {"mine.npz": hashlib.md5(path.read_bytes()).hexdigest()}
        assert (facts.train, facts.test, facts.classes) == (6, 0, 3)
        assert load(path, train=2).x_train.shape == (2, 4)

    def test_where_each_class_begins(self, tmp_path):
        path = npz(tmp_path, y_train=Y[::-1] + (Y[::-1] > 1), x_test=X, y_test=Y * 0)
        facts = user_facts("npz", str(path))
        assert (facts.classes, facts.first_of) == (4, (2, 1, None, 0))

    @pytest.mark.parametrize(
        ("trained", "tested", "message"),
        [
            (
                [0, 1, 2, 0, 1, 2],
                [0, 1, 5, 6],
                r"y_test\[2\] is 5, .*: y_train has 0 to 2\. It can",
            ),
            ([0, 1, 4, 0, 1, 4], [3, 1, 0, 0], r"y_test\[0\] is 3, .*: y_train has 0, 1, 4\. It"),
        ],
    )
    def test_a_class_that_only_the_test_set_has(self, tmp_path, trained, tested, message):
        path = npz(tmp_path, y_train=np.array(trained), x_test=X[:4], y_test=np.array(tested))
        with pytest.raises(DatasetError, match=message):
            user_facts("npz", str(path))

    @pytest.mark.parametrize("way", ["another file in its place", "written to"])
    def test_a_change_that_leaves_size_and_time_is_seen(self, tmp_path, way):
        path = csv(tmp_path, "1,2,0\n3,4,1\n")
        os.utime(path, ns=(1, 1))
        before, state = user_facts("csv", str(path)), path.stat()
        if way == "written to":
            csv(tmp_path, "1,2,0\n3,4,2\n")
        else:
            csv(tmp_path, "1,2,0\n3,4,2\n", "other.csv").replace(path)
        while True:  # the clock of a file system may be coarse
            os.utime(path, ns=(1, 1))
            now = path.stat()
            if now.st_ctime_ns != state.st_ctime_ns:
                break
        assert (now.st_size, now.st_mtime_ns) == (state.st_size, state.st_mtime_ns)
        after = user_facts("csv", str(path))
        assert (before.classes, after.classes) == (2, 3)
        assert after.content != before.content

    def test_a_changed_file_is_read_again(self, tmp_path):
        path = npz(tmp_path)
        before = user_facts("npz", str(path))
        assert user_facts("npz", str(path)) is before
        npz(tmp_path, x_train=X[:5], y_train=Y[:5])
        os.utime(path, ns=(1, 1))
        spec = DataSpec("npz", str(path), None, 5, 0, "plain", 0, 0, "none", 0.0)
        ensure_data(spec)
        with pytest.raises(DatasetError, match=r"mine\.npz changed while it was in use"):
            verify_data(spec, before)
        verify_data(spec, user_facts("npz", str(path)))

    def test_facts_load_no_numpy(self, tmp_path):
        code = (
            "import sys; from bnexp.userdata import user_facts;"
            f"facts = user_facts('npz', {str(npz(tmp_path))!r});"
            "sys.exit(facts.classes != 3 or 'numpy' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _npy(header: bytes, values: bytes = b"", version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + values


HEADER = b"{'descr': '<i8', 'fortran_order': False, 'shape': %b}"

WRONG_ARRAYS = {
    "objects": ({"x_train": np.array([{}] * 6)}, r"x_train has dtype '\|O'; allowed: real"),
    "object labels": ({"y_train": np.array([None] * 6)}, r"y_train has dtype '\|O'"),
    "complex": ({"x_train": X.astype(complex)}, "x_train has dtype '<c16'"),
    "text": ({"y_train": np.array(["cat"] * 6)}, "y_train has dtype '<U3'"),
    "dates": ({"x_train": X.astype("M8[s]")}, "x_train has dtype '<M8"),
    "structured": ({"x_train": np.zeros((6, 2), "f4,f4")}, "x_train has dtype "),
    "long double": ({"x_train": X.astype(np.longdouble)}, "x_train has dtype"),
    "flat": ({"x_train": X[:, 0]}, r"x_train has shape \(6,\); allowed: \(examples, features\)"),
    "five axes": ({"x_train": X.reshape(6, 2, 1, 2, 1)}, "x_train has shape"),
    "empty": ({"x_train": X[:0], "y_train": Y[:0]}, "x_train has shape"),
    "no features": ({"x_train": X[:, :0]}, "x_train has shape"),
    "lengths": ({"y_train": Y[:5]}, "x_train has 6 examples, y_train 5 labels"),
    "column": ({"y_train": Y[:, None]}, r"y_train has shape \(6, 1\).*ravel"),
    "one-hot": ({"y_train": np.eye(6)}, "argmax"),
    "negative": ({"y_train": Y - 1}, r"y_train\[0\] is -1; labels are whole numbers from 0"),
    "halves": ({"y_train": Y / 2}, r"y_train\[1\] is 0\.5; labels"),
    "nan label": ({"y_train": Y + np.nan}, r"y_train\[0\] is nan"),
    "inf label": ({"y_train": Y + np.inf}, r"y_train\[0\] is inf"),
    "identifiers": ({"y_train": Y + 123456}, r"y_train\[0\] is 123456; .* at most 10,000"),
    "one class": ({"y_train": Y * 0}, "y_train is 0 for every example"),
    "half a test set": ({"x_test": X}, "there is no y_test; it holds x_train, y_train, x_test"),
    "test shape": ({"x_test": X[:, :3], "y_test": Y}, r"x_test has shape \(3,\), one of x_train"),
    "test labels": ({"x_test": X, "y_test": Y[1:]}, "x_test has 6 examples, y_test 5"),
}


@pytest.mark.parametrize(("arrays", "message"), WRONG_ARRAYS.values(), ids=WRONG_ARRAYS)
def test_wrong_arrays_are_named(tmp_path, arrays, message):
    path = npz(tmp_path, **arrays)
    with pytest.raises(DatasetError, match=message) as caught:
        user_facts("npz", str(path))
    assert str(caught.value).startswith(f"{path}: ")


def _zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def _saved(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


GOOD = _zip(x_train=_saved(X), y_train=_saved(Y))
WRONG_FILES = {
    "empty": (b"", "not a good npz archive"),
    "html": (b"<html>", "not a good npz archive"),
    "npy": (_saved(X), "not a good npz archive"),
    "cut": (GOOD[:-40], "not a good npz archive"),
    "damaged": (GOOD.replace(Y.tobytes(), bytes(48)), "not a good npz archive .*CRC"),
    "no arrays": (_zip(), "there is no x_train and no y_train; it holds no arrays"),
    "other names": (_zip(x=_saved(X), y=_saved(Y)), "no y_train; it holds x, y"),
    "no npy inside": (_zip(x_train=b"text", y_train=b""), "x_train is no NumPy array"),
    "version": (_zip(x_train=_npy(HEADER % b"(1,2)", bytes(16), b"\x09\0"), y_train=b""), "is no"),
    "code": (_zip(x_train=_npy(b"__import__('os').system('false')"), y_train=b""), "is damaged"),
    "no dict": (_zip(x_train=_npy(b"[1, 2]"), y_train=b""), "header is damaged"),
    "deep": (_zip(x_train=_npy(b"(" * 5000), y_train=b""), "header is damaged"),
    "long": (_zip(x_train=_npy(b" " * 20_000), y_train=b""), "header is too long"),
    "negative": (_zip(x_train=_npy(HEADER % b"(-1, 2)"), y_train=b""), "does not fit its shape"),
    "no shape": (_zip(x_train=_npy(HEADER % b"7"), y_train=b""), "header is damaged"),
    "true": (_zip(x_train=_npy(HEADER % b"(True, 2)", bytes(16)), y_train=b""), "does not fit"),
    "huge": (_zip(x_train=_npy(HEADER % b"(10**9, 9)"), y_train=b""), "damaged|does not fit"),
    "too little": (_zip(x_train=_npy(HEADER % b"(4, 2)", bytes(63)), y_train=b""), "does not fit"),
}


@pytest.mark.parametrize(("content", "message"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_wrong_archives_are_named(tmp_path, content, message):
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        user_facts("npz", str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "numpy.savez" in str(caught.value) or "Needed are" in str(caught.value)


@pytest.mark.parametrize("name", ["npz", "csv"])
def test_what_is_no_file_is_named(tmp_path, name, monkeypatch):
    with pytest.raises(DatasetError, match=r"none: No such file.*data\.path names a file"):
        user_facts(name, str(tmp_path / "none"))
    with pytest.raises(DatasetError, match="it is not a file"):
        user_facts(name, str(tmp_path))
    with pytest.raises(DatasetError, match=r"data\.path names a file"):
        user_facts(name, "a\0b")
    path = csv(tmp_path, "1,2,0\n1,2,1\n")
    with pytest.raises(DatasetError, match=r"data\.test_path names a file"):
        user_facts("csv", str(path), str(tmp_path / "none"))


class TestNumbers:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_what_is_not_finite_is_named(self, tmp_path, value):
        x = X.copy()
        x[4, 1] = value
        path = npz(tmp_path, x_train=x)
        with pytest.raises(DatasetError, match=r"x_train\[4\] holds a value that is no finite"):
            load(path)
        assert load(path, train=4).x_train.shape == (4, 4)

    @pytest.mark.parametrize("keep_raw", [False, True])
    def test_what_leaves_the_range_of_float32_is_named(self, tmp_path, keep_raw):
        path = npz(tmp_path, x_train=X.astype(float) * 1e300)
        with pytest.raises(DatasetError, match="beyond the range of float32"):
            load(path, dtype=np.float32, keep_raw=keep_raw)
        assert load(path, keep_raw=keep_raw).rows("train").max() == 23 * 1e300

    @pytest.mark.parametrize("kind", ["unit", "channel", "pixel"])
    def test_large_numbers_keep_their_differences(self, tmp_path, kind):
        """In float32 1.6e9 + 4 is 1.6e9: it is float64 that is shifted and scaled."""
        path = npz(tmp_path, x_train=X.astype(float) + 1.6e9)
        small = load(npz(tmp_path, x_train=X.astype(float)), standardize=kind)
        path = npz(tmp_path, x_train=X.astype(float) + 1.6e9)
        large = load(path, dtype=np.float32, standardize=kind)
        assert np.abs(large.x_train - small.x_train).max() < 1e-6

    def test_a_file_that_became_shorter(self, tmp_path, monkeypatch):
        path = npz(tmp_path)
        facts = user_facts("npz", str(path))
        npz(tmp_path, x_train=X[:3], y_train=Y[:3])
        monkeypatch.setattr("bnexp.userdata.user_facts", lambda *_: facts)
        with pytest.raises(DatasetError, match="it changed while it was in use"):
            load(path)


PLAIN = "1,2.5,0\n-3,4e1,2\n\n.5,0,1\n"
NUMBERS = [[1, 2.5], [-3, 40], [0.5, 0]]


class TestCsv:
    @pytest.mark.parametrize(
        ("text", "labels"),
        [
            (PLAIN, [0, 2, 1]),
            (PLAIN.replace("\n", "\r\n"), [0, 2, 1]),
            ("\ufeff" + PLAIN.strip(), [0, 2, 1]),
            ("a,b,c\n" + PLAIN, [0, 2, 1]),
            ("a,b,Label\n" + PLAIN, [0, 2, 1]),
            ("y,a,b\n0,1,2.5\n2,-3,40\n1,.5,0\n", [0, 2, 1]),
            (' "a" , target ,"b"\n"1",0,2.5\n-3, 2 ,40\n.5,1.0,0', [0, 2, 1]),
            ("0,class,1\n1,0,2.5\n-3,2,40\n.5,1,0", [0, 2, 1]),
        ],
    )
    def test_header_quotes_and_place_of_the_label(self, tmp_path, text, labels):
        path = csv(tmp_path, text)
        facts = user_facts("csv", str(path))
        assert (facts.shape, facts.classes, facts.train, facts.test) == ((2,), 3, 3, 0)
        assert dict(facts.content) == {"mine.csv": hashlib.md5(path.read_bytes()).hexdigest()}
        data = load(path, train=3)
        assert data.x_train.tolist() == NUMBERS
        assert data.y_train.tolist() == labels
        assert load(path, train=2).x_train.tolist() == NUMBERS[:2]

    @pytest.mark.parametrize("name", ["test.csv", "mine.csv"])
    def test_a_second_file_with_test_examples(self, tmp_path, name):
        (tmp_path / "other").mkdir()
        one = csv(tmp_path, "a,b,y\n" + PLAIN)
        two = csv(tmp_path / "other", "a,b,y\n7,8,2\n", name)
        facts = user_facts("csv", str(one), str(two))
        assert (facts.train, facts.test, facts.classes) == (3, 1, 3)
        sums = [hashlib.md5(path.read_bytes()).hexdigest() for path in (one, two)]
        assert list(facts.content.values()) == sums
        data = load(one, train=3, test=1, test_path=two)
        assert (data.x_test.tolist(), data.y_test.tolist()) == ([[7, 8]], [2])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("1,2\n7,0\n", "it has 2 columns, .*mine.csv has 3"),
            ("b,a,y\n1,2,0\n", "its header is not that of"),
            ("1,2,0\n", "its header is not that of"),
            (
                "a,b,y\n1,2,0\n\n1,2,3\n",
                r"test\.csv:4: column 3 \(y\) is 3, a label that no training example has: "
                r".*mine\.csv has 0 to 2",
            ),
        ],
    )
    def test_files_that_do_not_fit_each_other(self, tmp_path, text, message):
        one, two = csv(tmp_path, "a,b,y\n" + PLAIN), csv(tmp_path, text, "test.csv")
        with pytest.raises(DatasetError, match=message):
            user_facts("csv", str(one), str(two))

    def test_no_test_file_no_test_examples(self, tmp_path):
        assert load(csv(tmp_path, PLAIN), train=3).x_test.shape == (0, 2)


WRONG_LABELS = {
    "empty": ("", ": it holds no examples"),
    "blank": ("\n \n", ": it holds no examples"),
    "only a header": ("a,b,y\n", ": it holds no examples, only a header"),
    "one column": ("1\n2\n", ":1: there is one column only"),
    "semicolons": ("1;2;0\n", ":1: there is one column only; separate"),
    "html": ("<html>\n", ":1: there is one column only"),
    "ragged": ("1,2,0\n1,2\n", ":2: 2 columns where the first line has 3"),
    "ragged after a header": ("a,b,y\n\n1,2,0\n1,2,3,4\n", ":4: 4 columns"),
    "an index": (",a,label\n0,1,0\n", r":1: column 1 has no name; .*index=False"),
    "two labels": ("y,a,label\n0,1,0\n", ":1: several columns may be the label: y, label"),
    "a word": ("1,2,0\n1,2,cat\n", r":2: the label in column 3 is 'cat'; labels .* 0 for cat"),
    "a named word": ("y,a\ncat,2\n", r":2: the label in column 1 \(y\) is 'cat'"),
    "a half": ("1,2,0\n1,2,0.5\n", ":2: the label"),
    "negative": ("1,2,-1\n", ":1: the label"),
    "nan": ("1,2,nan\n", ":1: the label"),
    "none": ("1,2,\n", ":1: the label in column 3 is ''"),
    "underscores": ("1,2,0\n1,2,1_0\n", ":2: the label"),
    "one class": ("1,2,0\n2,2,0\n", ": the label is 0 for every example"),
    "not text": (b"1,2,0\n\xff\xfe,1,0\n", ":2: it is not UTF-8 text"),
    "open quote": ('1,2,0\n"1,2,0\n', ":2: it cannot be read as CSV"),
    "old ends of line": ("1,2,0\r1,2,1\r", ": it cannot be read as CSV|:1: "),
}


@pytest.mark.parametrize(("text", "message"), WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_malformed_csv_is_placed(tmp_path, text, message):
    path = csv(tmp_path, text)
    with pytest.raises(DatasetError, match=message) as caught:
        user_facts("csv", str(path))
    assert str(caught.value).startswith(f"{path}:")


@pytest.mark.parametrize("value", ["", "cat", "nan", "inf", "1_0", "1e999", "0x1"])
@pytest.mark.parametrize("column", [0, 2])
def test_what_is_no_finite_number_is_placed(tmp_path, value, column):
    fields = ["1", "0", "2"]
    fields[column] = value
    path = csv(tmp_path, f"a,y,b\n1,1,2\n{','.join(fields)}\n")
    name = "ab"[column > 0]
    with pytest.raises(
        DatasetError, match=rf":3: column {column + 1} \({name}\) is '{value}', not"
    ):
        load(path, train=2)
