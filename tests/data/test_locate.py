"""Where files are looked for, in which order, and what is said when they are not right."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
from pathlib import Path
from types import MappingProxyType

import platformdirs
import pytest

from bnexp import describe
from bnexp.data.files import get_files, keep_dataset
from bnexp.data.idx import idx_files
from bnexp.data.locate import cache_folder, look_for
from bnexp.describe import DatasetFacts
from bnexp.errors import DatasetError


def _folders(paths):
    return {path.parent for path in paths.values()}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("inside", ["", "mnist"])
def test_the_folder_itself_or_its_subfolder_zipped_or_not(
    mini_mnist, data_cache, tmp_path, zipped, inside
):
    folder = mini_mnist.write(tmp_path / "data" / inside, zipped=zipped)
    files = idx_files(mini_mnist.facts)
    found = get_files(mini_mnist.facts, files, data_dir=tmp_path / "data")
    assert found == {
        name: folder / (f"{name}.gz" if zipped else name) for name in mini_mnist.content
    }


def test_data_dir_goes_before_bnexp_data_and_that_before_the_cache(
    mini_mnist, data_cache, tmp_path, monkeypatch
):
    files = idx_files(mini_mnist.facts)
    in_cache = mini_mnist.write(data_cache / "mnist")
    assert _folders(get_files(mini_mnist.facts, files)) == {in_cache}
    in_environment = mini_mnist.write(tmp_path / "environment")
    monkeypatch.setenv("BNEXP_DATA", str(in_environment))
    assert _folders(get_files(mini_mnist.facts, files)) == {in_environment}
    named = mini_mnist.write(tmp_path / "named")
    assert _folders(get_files(mini_mnist.facts, files, data_dir=named)) == {named}


def test_a_data_folder_without_the_dataset_is_passed_over_with_a_note(
    mini_mnist, data_cache, tmp_path
):
    in_cache = mini_mnist.write(data_cache / "mnist")
    notes: list[str] = []
    files = idx_files(mini_mnist.facts)
    found = get_files(mini_mnist.facts, files, data_dir=tmp_path, notify=notes.append)
    assert _folders(found) == {in_cache}
    assert notes == [f"data folder {tmp_path} (--data-dir) has no MNIST; using the cache"]


def test_a_data_folder_that_does_not_exist_is_an_error(
    mini_mnist, data_cache, tmp_path, monkeypatch
):
    mini_mnist.write(data_cache / "mnist")
    monkeypatch.setenv("BNEXP_DATA", str(tmp_path / "typo"))
    with pytest.raises(DatasetError, match=r"typo \(BNEXP_DATA\): there is no such folder"):
        get_files(mini_mnist.facts, idx_files(mini_mnist.facts))


def test_a_data_folder_that_cannot_be_read_is_an_error(
    mini_mnist, data_cache, tmp_path, monkeypatch
):
    mini_mnist.write(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(DatasetError, match="no permission"):
        get_files(mini_mnist.facts, idx_files(mini_mnist.facts), data_dir=tmp_path)


def test_half_a_dataset_in_the_data_folder_is_an_error(mini_mnist, data_cache, tmp_path):
    mini_mnist.write(data_cache / "mnist")
    mini_mnist.write(tmp_path / "half", only="train")
    with pytest.raises(DatasetError) as caught:
        get_files(mini_mnist.facts, idx_files(mini_mnist.facts), data_dir=tmp_path / "half")
    assert "not t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte" in str(caught.value)
    assert f"bnexp data get mnist --data-dir {tmp_path / 'half'}" in str(caught.value)


def test_a_folder_with_nothing_but_files_that_are_not_asked_for_is_half_a_dataset(
    mini_mnist, data_cache, tmp_path
):
    mini_mnist.write(data_cache / "mnist")
    folder = mini_mnist.write(tmp_path / "half", only="t10k")
    files = idx_files(mini_mnist.facts, test=False)
    with pytest.raises(DatasetError, match="not train-images-idx3-ubyte, train-labels-idx1-ubyte"):
        get_files(mini_mnist.facts, files, data_dir=folder)
    assert look_for(mini_mnist.facts, folder).state == "incomplete"


def test_the_training_files_are_enough_where_no_test_set_is_asked_for(
    mini_mnist, data_cache, tmp_path
):
    folder = mini_mnist.write(tmp_path / "half", only="train")
    files = idx_files(mini_mnist.facts, test=False)
    assert _folders(get_files(mini_mnist.facts, files, data_dir=folder)) == {folder}


def test_files_of_another_dataset_in_the_folder_itself_do_not_count(
    mini_mnist, data_cache, tmp_path
):
    """Fashion-MNIST has the file names of MNIST: a folder of the one is not a wrong other."""
    mini_mnist.write(tmp_path / "data")
    sums = {name: hashlib.md5(name.encode()).hexdigest() for name in mini_mnist.content}
    fashion = DatasetFacts("fashion-mnist", "F", (3, 2), 4, 12, 5, MappingProxyType(sums))
    assert look_for(fashion, tmp_path / "data").state == "missing"
    assert look_for(mini_mnist.facts, tmp_path / "data").state == "found"


def test_a_wrong_file_is_an_error_and_stays(mini_mnist, data_cache, tmp_path):
    folder = mini_mnist.write(tmp_path / "data")
    wrong = folder / "t10k-images-idx3-ubyte.gz"
    wrong.write_bytes(gzip.compress(b"something else"))
    before = wrong.read_bytes()
    with pytest.raises(DatasetError) as caught:
        keep_dataset(mini_mnist.facts, data_dir=folder)
    message = str(caught.value)
    assert message.startswith(f"{wrong} is not t10k-images-idx3-ubyte of MNIST: its magic number")
    assert mini_mnist.facts.content["t10k-images-idx3-ubyte"] in message
    assert "Move it away" in message
    assert wrong.read_bytes() == before


@pytest.mark.parametrize("kind", ["folder", "broken link"])
def test_what_is_no_file_does_not_pass_as_missing(mini_mnist, data_cache, kind):
    folder = mini_mnist.write(data_cache / "mnist")
    path = folder / "train-labels-idx1-ubyte.gz"
    path.unlink()
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(folder / "nowhere")
    with pytest.raises(DatasetError, match="is not a file"):
        keep_dataset(mini_mnist.facts)


def test_states_of_a_quick_look(mini_mnist, data_cache):
    assert look_for(describe.DATASETS["digits"]).state == "embedded"
    assert look_for(mini_mnist.facts).state == "missing"
    folder = mini_mnist.write(data_cache / "mnist", only="train")
    incomplete = look_for(mini_mnist.facts)
    assert (incomplete.state, incomplete.folder) == ("incomplete", folder)
    assert incomplete.problem == "missing: t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"
    mini_mnist.write(folder, only="t10k")
    assert look_for(mini_mnist.facts).state == "found"
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>")
    wrong = look_for(mini_mnist.facts)
    assert wrong.state == "wrong"
    assert "web page" in str(wrong.problem)


def test_the_cache_is_the_users_unless_named(mini_mnist, monkeypatch):
    monkeypatch.setenv("BNEXP_CACHE", "~/elsewhere")
    assert cache_folder(mini_mnist.facts) == Path.home() / "elsewhere" / "mnist"
    monkeypatch.setenv("BNEXP_CACHE", "")
    user = platformdirs.user_cache_path("bnexp", appauthor=False)
    assert cache_folder(mini_mnist.facts) == user / "mnist"


def test_a_file_that_may_not_be_read_is_not_called_a_wrong_one(
    mini_mnist, data_cache, tmp_path, monkeypatch
):
    folder = mini_mnist.write(tmp_path / "data")

    def refuse(path, *_arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DatasetError) as caught:
        keep_dataset(mini_mnist.facts, data_dir=folder)
    message = str(caught.value)
    assert "of MNIST, cannot be read: Permission denied. Mend that, or name a folder" in message
    assert "is not" not in message
