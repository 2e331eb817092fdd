"""What is quick stays quick: commands that need neither NumPy nor matplotlib do not import them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bnexp

HEAVY = ("numpy", "matplotlib", "optuna", "pandas", "scipy")
HUNT = "data: {validation: 0.2}\nsearch: {space: {optimizer.lr: 'loguniform(1e-4, 1)'}}\n"


def imported(code):
    """Return which of the modules that take their time a piece of code imports."""
    package = str(Path(bnexp.__file__).parents[1])
    listing = f"import sys\nsys.path.insert(0, {package!r})\ntry:\n    {code}\n"
    listing += "finally:\n    print('', *sys.modules, sep='\\n', file=sys.__stderr__)\n"
    ended = subprocess.run([sys.executable, "-c", listing], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    names = set(ended.stderr.decode().split("\n"))
    assert "sys" in names
    return {name for name in (*HEAVY, "pydantic", "yaml", "tqdm") if name in names}


def command(line):
    return f"sys.argv = ['bnexp', *{line.split()!r}]; from bnexp.cli import main; main()"


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "--version",
        "run --help",
        "sweep --help",
        "search --help",
        "plot --help",
        "results --help",
        "data --help",
    ],
)
def test_help_imports_next_to_nothing(line):
    assert imported(command(line)) == set()


@pytest.mark.parametrize(
    "line",
    [
        "check pair.yaml",
        "check pair.yaml --json",
        "sweep --weights logspace --dry-run",
        "sweep pair.yaml --dry-run --output results/pair",
        "search hunt.yaml --dry-run",
        "search hunt.yaml --dry-run --sampler tpe",
        "check hunt.yaml",
        "results",
        "data list",
    ],
)
def test_planning_imports_no_numpy(line, pair):
    Path("hunt.yaml").write_text(HUNT)
    assert not imported(command(line)).intersection(HEAVY)


def test_a_text_grid_imports_no_matplotlib(pair):
    assert "matplotlib" not in imported(command("plot --text"))


def test_the_package_alone_imports_nothing():
    assert imported("import bnexp; dir(bnexp)") == set()
    assert not imported("import bnexp; bnexp.load_config").intersection(HEAVY)
    assert imported("import bnexp; bnexp.load_config") >= {"pydantic"}
