"""CIFAR-10: read by member name from whatever holds it, and refused where it is not right."""

from __future__ import annotations

import gzip
import tarfile
import tracemalloc

import numpy as np
import pytest
from click.testing import CliRunner
from made_up_data import load_prepared, spec

from bnexp.cli.data import command
from bnexp.data import cifar, load_dataset
from bnexp.data.files import ensure_files, keep_dataset
from bnexp.data.locate import look_for
from bnexp.describe import DATASETS
from bnexp.errors import DatasetError

ARCHIVE = "cifar-10-binary.tar.gz"
FIRST = "cifar-10-batches-bin/data_batch_1.bin"


def expected(content: bytes):
    """Read records pixel by pixel, into images (height, channels, width)."""
    images, labels = [], []
    for start in range(0, len(content), 19):
        labels.append(content[start])
        image = np.empty((2, 3, 3), np.float32)
        for channel in range(3):
            for row in range(2):
                for column in range(3):
                    raw = content[start + 1 + 6 * channel + 3 * row + column]
                    image[row, channel, column] = np.float32(raw) / np.float32(255)
        images.append(image.ravel())
    return np.array(images), np.array(labels)


class TestReading:
    @pytest.mark.parametrize(
        "place", ["archive", "loose", "unpacked", "some loose", "archive in cache"]
    )
    def test_values_labels_and_order(self, mini_cifar, data_cache, tmp_path, place):
        folder = tmp_path / "data"
        folder.mkdir()
        if place == "archive":
            mini_cifar.write(folder)
        elif place == "archive in cache":
            mini_cifar.write(data_cache / "cifar10")
        else:
            mini_cifar.write(folder / ("" if place == "loose" else cifar.FOLDER), loose=True)
        if place == "some loose":
            mini_cifar.write(folder)
            (folder / cifar.FOLDER / "data_batch_2.bin").unlink()
        before = sorted(tmp_path.rglob("*"))
        data = load_dataset("cifar10", data_dir=folder)
        batches = [mini_cifar.content[f"data_batch_{n}.bin"] for n in range(1, 6)]
        for x, y, content in (
            (data.rows("train"), data.y_train, b"".join(batches)),
            (data.rows("test"), data.y_test, mini_cifar.content["test_batch.bin"]),
        ):
            images, labels = expected(content)
            assert np.array_equal(x, images)
            assert np.array_equal(y, labels)
        assert sorted(tmp_path.rglob("*")) == before  # nothing is unpacked

    @pytest.mark.parametrize("loose", [False, True])
    @pytest.mark.parametrize("counts", [(20, 3), (6, 2), (4, 0), (1, 1), (19, 0)])
    def test_verified_elsewhere_only_what_is_asked_for_is_read(
        self, mini_cifar, data_cache, loose, counts
    ):
        mini_cifar.write(data_cache / "cifar10", loose=loose)
        train, test = counts
        whole = load_dataset("cifar10", train=train, test=test)
        part = load_dataset("cifar10", train=train, test=test, verified=True)
        for name in ("x_train", "y_train", "x_test", "y_test"):
            assert np.array_equal(getattr(whole, name), getattr(part, name))

    def test_files_that_are_not_needed_may_be_missing(self, mini_cifar, data_cache):
        folder = mini_cifar.write(data_cache / "cifar10", loose=True)
        (folder / "test_batch.bin").unlink()
        assert load_dataset("cifar10", test=0).x_train.shape == (20, 18)

    def test_beside_mnist_in_one_folder(self, mini_cifar, mini_mnist, data_cache, tmp_path):
        mini_mnist.write(tmp_path / "data")
        mini_cifar.write(tmp_path / "data")
        monkeyed = {"mnist": mini_mnist.facts, "cifar10": mini_cifar.facts}
        for facts in monkeyed.values():
            assert look_for(facts, tmp_path / "data").folder == tmp_path / "data"

    def test_the_real_files_have_their_published_size(self):
        files = cifar.cifar_files(DATASETS["cifar10"])
        assert {file.size for file in files} == {30_730_000}
        assert [file.name for file in files][-1] == "test_batch.bin"


def _flip(content: bytes) -> bytes:
    return content[:5] + bytes([content[5] ^ 1]) + content[6:]


def _link(kind):
    info = tarfile.TarInfo(FIRST)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def _python_version(members):
    return {name.replace("-bin/", "-py/").removesuffix(".bin"): c for name, c in members.items()}


#: From the members of a good archive to one that is wrong, and what is said of it.
WRONG = {
    "empty": (lambda tar, members: b"", "it is empty"),
    "html": (lambda tar, members: b"<!DOCTYPE html><html>", "web page"),
    "zipped html": (lambda tar, members: gzip.compress(b"<html>" + bytes(20_000)), "web page"),
    "not gzipped": (lambda tar, members: gzip.decompress(tar(members)), "not gzipped"),
    "zipped text": (lambda tar, members: gzip.compress(b"hello" * 999), "tar data is damaged"),
    "cut early": (lambda tar, members: tar(members)[:60], "gzip data ends early"),
    "cut late": (lambda tar, members: tar(members)[:-300], "gzip data (ends early|is damaged)"),
    "damaged gzip": (
        lambda tar, members: tar(members)[:100] + bytes(40) + tar(members)[140:],
        "gzip data is damaged|tar data is damaged|damaged before",
    ),
    "cut tar": (
        lambda tar, members: gzip.compress(gzip.decompress(tar(members))[:2100]),
        "truncated|damaged",
    ),
    "missing": (
        lambda tar, members: tar({name: c for name, c in members.items() if "_3" not in name}),
        "holds no data_batch_3.bin",
    ),
    "the python version": (
        lambda tar, members: tar(_python_version(members)),
        "holds no data_batch_1.bin, data_batch_2.bin",
    ),
    "another folder": (
        lambda tar, members: tar({f"../{name}": content for name, content in members.items()}),
        "holds no data_batch_1.bin",
    ),
    "short member": (
        lambda tar, members: tar({**members, FIRST: members[FIRST][:-1]}),
        "data_batch_1.bin has 75 bytes, not 76",
    ),
    "one bit": (
        lambda tar, members: tar({**members, FIRST: _flip(members[FIRST])}),
        "data_batch_1.bin in it is wrong: its content has MD5",
    ),
    "hard link": (
        lambda tar, members: tar({**members, FIRST: _link(tarfile.LNKTYPE)}),
        "data_batch_1.bin is not a file",
    ),
    "soft link": (
        lambda tar, members: tar({**members, FIRST: _link(tarfile.SYMTYPE)}),
        "data_batch_1.bin is not a file",
    ),
    "bomb": (
        lambda tar, members: tar({"a": bytes(3_000_000), **members}),
        "unfolds to more than",
    ),
}


class TestWrong:
    @pytest.mark.parametrize(("change", "reason"), WRONG.values(), ids=WRONG)
    def test_a_wrong_archive_is_named_and_stays(self, mini_cifar, data_cache, change, reason):
        folder = mini_cifar.write(data_cache / "cifar10")
        wrong = change(mini_cifar.tar, mini_cifar.members)
        (folder / ARCHIVE).write_bytes(wrong)
        with pytest.raises(DatasetError, match=reason) as caught:
            load_dataset("cifar10")
        message = str(caught.value)
        assert message.startswith(f"{folder / ARCHIVE} is not {ARCHIVE} of CIFAR-10: ")
        md5 = mini_cifar.facts.content["data_batch_1.bin"]
        assert f"data_batch_1.bin of 76 bytes with MD5 {md5}" in message
        assert "bnexp data get cifar10" in message
        assert (folder / ARCHIVE).read_bytes() == wrong

    @pytest.mark.parametrize(("change", "reason"), WRONG.values(), ids=WRONG)
    def test_a_wrong_download_leaves_nothing(self, mini_cifar, mirror, data_cache, change, reason):
        wrong = change(mini_cifar.tar, mini_cifar.members)
        mirror.answers[f"/cifar10/{ARCHIVE}"] = wrong
        with pytest.raises(DatasetError) as caught:
            load_dataset("cifar10")
        message = str(caught.value)
        assert message.startswith(f"cannot download {ARCHIVE} of CIFAR-10:\n  {mirror.url}/cifar10")
        assert "data_batch_5.bin of 76 bytes with MD5" in message
        assert [path.name for path in (data_cache / "cifar10").iterdir()] == [".lock"]

    def test_a_bomb_is_left_before_it_unfolds(self, mini_cifar, data_cache, monkeypatch):
        monkeypatch.setattr(cifar, "_BLOCK", 1 << 14)
        folder = mini_cifar.write(data_cache / "cifar10")
        header = tarfile.TarInfo("././@PaxHeader")
        header.type, header.size = tarfile.XHDTYPE, 60_000_000
        bomb = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(60_000_000), 1)
        (folder / ARCHIVE).write_bytes(bomb)
        tracemalloc.start()
        try:
            with pytest.raises(DatasetError, match="unfolds to more than"):
                load_dataset("cifar10")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 6_000_000

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "it is empty"),
            (b"<html>", "web page"),
            (bytes(75), "ends after 75 of 76 bytes"),
            (bytes(77), "longer than 76 bytes"),
            (bytes(76), "its content has MD5"),
            (b"\t" + b"<" * 75, "its content has MD5"),  # a record may look like HTML
        ],
    )
    def test_a_wrong_loose_file_is_named(self, mini_cifar, data_cache, content, reason):
        folder = mini_cifar.write(data_cache / "cifar10", loose=True)
        (folder / "data_batch_3.bin").write_bytes(content)
        with pytest.raises(DatasetError, match=reason) as caught:
            load_dataset("cifar10")
        assert str(caught.value).startswith(
            f"{folder / 'data_batch_3.bin'} is not data_batch_3.bin"
        )

    def test_half_a_dataset_in_the_data_folder(self, mini_cifar, data_cache, tmp_path):
        folder = mini_cifar.write(tmp_path / "data", loose=True)
        (folder / "data_batch_3.bin").unlink()
        with pytest.raises(DatasetError, match=f"but not data_batch_3.bin, nor {ARCHIVE}"):
            load_dataset("cifar10", data_dir=tmp_path / "data")

    def test_an_archive_that_is_a_folder(self, mini_cifar, data_cache):
        (data_cache / "cifar10" / ARCHIVE).mkdir(parents=True)
        with pytest.raises(DatasetError, match="is not a file"):
            load_dataset("cifar10")


class TestGetting:
    def test_the_archive_is_kept_as_it_came(self, mini_cifar, mirror, data_cache):
        mini_cifar.serve(mirror)
        notes: list[str] = []
        paths = keep_dataset(mini_cifar.facts, notify=notes.append)
        assert paths == (data_cache / "cifar10" / ARCHIVE,)
        assert paths[0].read_bytes() == mirror.answers[f"/cifar10/{ARCHIVE}"]
        assert notes == [f"downloading CIFAR-10 to {data_cache / 'cifar10'} (170.1 MB)"]
        assert ensure_files(mini_cifar.facts) == paths
        assert mirror.requests == [f"/cifar10/{ARCHIVE}"]

    def test_a_mirror_without_a_folder_per_dataset(self, mini_cifar, mirror, data_cache):
        mini_cifar.serve(mirror, prefix="/")
        keep_dataset(mini_cifar.facts)
        assert mirror.requests == [f"/cifar10/{ARCHIVE}", f"/{ARCHIVE}"]

    def test_loose_files_need_no_download(self, mini_cifar, data_cache):
        folder = mini_cifar.write(data_cache / "cifar10", loose=True)
        paths = keep_dataset(mini_cifar.facts)
        assert paths == tuple(folder / name for name in mini_cifar.content)

    def test_offline(self, mini_cifar, mirror, data_cache):
        mirror.close()
        with pytest.raises(DatasetError, match="Connection refused"):
            load_dataset("cifar10")

    def test_states_of_a_quick_look(self, mini_cifar, data_cache):
        assert look_for(mini_cifar.facts).state == "missing"
        folder = mini_cifar.write(data_cache / "cifar10")
        assert look_for(mini_cifar.facts).state == "found"
        (folder / ARCHIVE).write_bytes(b"<html>")
        wrong = look_for(mini_cifar.facts)
        assert (wrong.state, "web page" in str(wrong.problem)) == ("wrong", True)
        (folder / ARCHIVE).unlink()
        mini_cifar.write(folder, loose=True)
        assert look_for(mini_cifar.facts).state == "found"
        (folder / "data_batch_4.bin").write_bytes(b"short")
        assert "it has 5 bytes" in str(look_for(mini_cifar.facts).problem)
        (folder / "data_batch_4.bin").unlink()
        assert look_for(mini_cifar.facts).state == "incomplete"

    def test_the_command(self, mini_cifar, mirror, data_cache):
        mini_cifar.serve(mirror)
        result = CliRunner().invoke(command, ["get", "cifar10"])
        assert result.stdout == f"{data_cache / 'cifar10' / ARCHIVE}\n"
        assert result.exit_code == 0


def test_prepared_from_the_archive(mini_cifar, data_cache):
    mini_cifar.write(data_cache / "cifar10")
    whole = load_dataset("cifar10")
    prepared = load_prepared(spec(name="cifar10", train=20, test=3), verified=True)
    assert np.array_equal(prepared.x_train, whole.rows("train"))
    assert np.array_equal(prepared.y_test, whole.y_test)
