"""Small configs in a folder of their own, and the command line called in this process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import bnexp
from bnexp.cli import main

TINY = """\
name: tiny
data: {name: digits, train: 100, test: 50}
network: {layers: [8]}
training: {epochs: 2, batch_size: 20}
"""
SWEEP = (
    TINY.replace("tiny", "pair") + "sweep: {axes: {init.scale: [1, 0.1], norm.kind: [on, off]}}\n"
)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self):
        return json.loads(self.stdout)


@pytest.fixture
def room(tmp_path, monkeypatch):
    """An empty working folder with two configs, and no settings from outside."""
    for name in ("BNEXP_DATA", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BNEXP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BNEXP_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "room"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("tiny.yaml").write_text(TINY)
    Path("pair.yaml").write_text(SWEEP)
    return folder


@pytest.fixture
def call(room, monkeypatch, capsys):
    """Call the command line and return how it ended."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["bnexp", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        assert isinstance(end.value.code, int)
        return Ended(end.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def spawn(room):
    """Give bash a script with ``bnexp`` in it, in a process of its own."""

    def spawn(script, **environment):
        package = str(Path(bnexp.__file__).parents[1])
        settings = {**os.environ, "PYTHONPATH": package, **environment}
        script = f'bnexp() {{ "{sys.executable}" -W error -m bnexp "$@"; }}\n{script}'
        bash = shutil.which("bash")
        assert bash
        ended = subprocess.run(
            [bash, "-c", script],
            env={name: value for name, value in settings.items() if value is not None},
            capture_output=True,
            check=False,
        )
        texts = (text.decode(errors="backslashreplace") for text in (ended.stdout, ended.stderr))
        return Ended(ended.returncode, *texts)

    return spawn


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Results of ``pair.yaml``, trained once for all tests."""
    folder = tmp_path_factory.mktemp("trained")
    config = folder / "pair.yaml"
    config.write_text(SWEEP)
    return bnexp.sweep(config, jobs=0, output=folder / "pair").folder


@pytest.fixture
def pair(room, trained):
    """A copy of those results as the newest, and only, results of the room."""
    return shutil.copytree(trained, Path("results") / "pair")
