"""``bnexp data``: what it prints where, and which errors it lets through."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import subprocess
import sys
from types import MappingProxyType

import click
import pytest
from click.testing import CliRunner

from bnexp import describe
from bnexp.cli.data import command
from bnexp.data.locate import EMBEDDED
from bnexp.describe import DatasetFacts
from bnexp.errors import DatasetError

IMAGES = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 1, 2) + bytes([1, 2, 3, 4])
LABELS = bytes([0, 0, 8, 1]) + struct.pack(">I", 2) + bytes([0, 1])
CONTENT = {
    "train-images-idx3-ubyte": IMAGES,
    "train-labels-idx1-ubyte": LABELS,
    "t10k-images-idx3-ubyte": IMAGES,
    "t10k-labels-idx1-ubyte": LABELS,
}


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A data folder with a miniature in the place of MNIST, an empty cache, no mirror."""
    sums = {name: hashlib.md5(content).hexdigest() for name, content in CONTENT.items()}
    facts = DatasetFacts("mnist", "MNIST", (1, 2), 2, 2, 2, MappingProxyType(sums))
    monkeypatch.setattr(describe, "DATASETS", {**describe.DATASETS, "mnist": facts})
    monkeypatch.setenv("BNEXP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BNEXP_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("BNEXP_DATA", raising=False)
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


def _run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_list_is_a_table(data):
    result = _run("list", "--data-dir", data)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "name           train   test  shape    classes  download  where",
        "digits          1297    500  8x8           10         -  embedded",
        f"mnist              2      2  1x2            2   11.6 MB  {data}",
        "fashion-mnist  60000  10000  28x28         10   30.9 MB  not here",
        "cifar10        50000  10000  32x32x3       10  170.1 MB  not here",
    ]


def test_list_says_what_is_wrong(data):
    (data / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>")
    lines = _run("list", "--data-dir", data).stdout.splitlines()
    assert lines[2].endswith(f"wrong files in {data}")
    assert lines[5].startswith(f"mnist: {data / 't10k-labels-idx1-ubyte.gz'} is not")
    (data / "t10k-labels-idx1-ubyte.gz").unlink()
    lines = _run("list", "--data-dir", data).stdout.splitlines()
    assert lines[2].endswith(f"incomplete in {data}")
    assert lines[5] == "mnist: missing: t10k-labels-idx1-ubyte"


def test_list_as_json(data, monkeypatch):
    monkeypatch.setenv("BNEXP_DATA", str(data))
    result = _run("list", "--json")
    assert result.stderr == ""
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["mnist"] == {
        "name": "mnist",
        "title": "MNIST",
        "train": 2,
        "test": 2,
        "shape": [1, 2],
        "classes": 2,
        "download_bytes": 11_594_722,
        "state": "found",
        "folder": str(data),
        "problem": None,
    }
    assert rows["fashion-mnist"]["state"] == "missing"
    assert rows["digits"]["download_bytes"] is None


def test_get_verifies_and_prints_the_paths(data):
    result = _run("get", "mnist", "--data-dir", data)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.splitlines() == [str(data / f"{name}.gz") for name in CONTENT]


def test_get_of_the_embedded_digits():
    result = _run("get", "digits")
    assert (result.stdout, result.stderr) == (f"{EMBEDDED['digits']}\n", "")


def test_notes_go_to_stderr_and_errors_through(data, tmp_path):
    result = _run("get", "mnist")
    assert isinstance(result.exception, DatasetError)
    assert result.stdout == ""
    assert result.stderr.startswith(f"downloading MNIST to {tmp_path / 'cache' / 'mnist'}")


def test_a_wrong_file_is_an_error(data):
    (data / "t10k-images-idx3-ubyte.gz").write_bytes(b"<html>")
    result = _run("get", "mnist", "--data-dir", data)
    assert isinstance(result.exception, DatasetError)
    assert "web page" in str(result.exception)
    assert result.stdout == ""


def test_an_unknown_name_is_a_usage_error():
    result = _run("get", "minst")
    assert result.exit_code == 2
    assert "did you mean mnist?; allowed: digits, mnist, fashion-mnist, cifar10" in result.stderr


@pytest.mark.parametrize("name", ["list", "get"])
def test_each_command_has_help_an_example_and_defaults(name):
    found = command.commands[name]
    text = _run(name, "--help").stdout
    assert found.get_short_help_str(limit=80).endswith(".") or found.help
    assert f"Example: bnexp data {name}" in text
    options = [param for param in found.params if isinstance(param, click.Option)]
    assert options
    assert all(option.help and option.show_default for option in options)


def test_importing_the_command_loads_no_numpy():
    code = "import bnexp.cli.data, sys; sys.exit(any(n in sys.modules for n in ('numpy', 'tqdm')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
