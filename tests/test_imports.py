"""Imports go one way: what is below never knows what is above, and each library has its place."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import bnexp

PACKAGE = Path(bnexp.__file__).parent

#: From the bottom up. A room may import itself and rooms on lower floors, but no neighbour.
FLOORS = (
    {"errors", "lazy", "version"},
    {"describe", "records", "files", "streams", "environment", "interrupts", "optim"},
    {"userdata"},
    {"nn", "config", "data"},
    {"plan"},
    {"trials"},
    {"evaluate", "store"},
    {"train"},
    {"engines"},
    {"driver", "plots"},
    {"searching", "figures"},
    {"api"},
    {"cli"},
    {"__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

#: Rooms that know fewer of those below than they might.
ONLY = {
    "nn": {"describe", "streams"},
    "streams": set(),
    "optim": set(),
    "describe": set(),
    "records": set(),
    "config": {"errors", "lazy", "describe", "userdata"},
    "trials": {"errors", "lazy", "config", "plan", "records"},
    "plots": {"errors", "config", "describe", "plan", "records", "trials", "store"},
}

#: Where each library that is not Python's own may be imported.
LIBRARIES = {
    "click": {"cli"},
    "dask": {"engines"},
    "distributed": {"engines"},
    "filelock": {"data", "store"},
    "matplotlib": {"plots"},
    "optuna": {"trials"},
    "numpy": {
        "data",
        "environment",
        "evaluate",
        "nn",
        "optim",
        "records",
        "store",
        "streams",
        "train",
    },
    "pandas": {"store"},
    "platformdirs": {"data"},
    "pydantic": {"config"},
    "threadpoolctl": {"engines", "environment"},
    "tqdm": {"cli", "data"},
    "yaml": {"config"},
}


def room_of(module):
    """Return the room of a dotted name below ``bnexp``; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def imports_in(source, module, is_package=False):
    """Return the dotted names that a module imports, anywhere in it, with their lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                above = parts[: len(parts) - node.level + is_package]
                base = ".".join([*above, *([node.module] if node.module else [])])
            if base == "bnexp":  # a room imported by name
                found += [(f"bnexp.{alias.name}", node.lineno) for alias in node.names]
            else:
                found.append((base, node.lineno))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            found += [(name, node.lineno) for name in _literal(node.args[0])]
    return found


def _literal(node):
    """Return the beginning of a name that is imported by its text, if it stands there."""
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        node = node.values[0]
    return [str(node.value).rstrip(".")] if isinstance(node, ast.Constant) else []


def mistakes(source, module, is_package=False):
    """Return a line for every import of ``module`` that is not allowed."""
    room = room_of(module)
    found = []
    for name, line in imports_in(source, module, is_package):
        top, other = name.split(".")[0], room_of(name)
        where = f"{module}:{line} imports {name}"
        if top != "bnexp":
            own = top in sys.stdlib_module_names
            if not own and room not in LIBRARIES.get(top, set()):
                found.append(where)
        elif other in ("", room):
            if name == "bnexp" and room not in ("", "cli"):
                found.append(where)
        elif room and (LEVEL[other] >= LEVEL[room] or other not in ONLY.get(room, LEVEL)):
            found.append(where)
    return found


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ["bnexp", *path.relative_to(PACKAGE).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        yield ".".join(parts[:-1] if is_package else parts), path, is_package


MODULES = {module: (path, is_package) for module, path, is_package in modules()}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    path, is_package = MODULES[module]
    assert mistakes(path.read_text(encoding="utf-8"), module, is_package) == []


def test_every_room_has_its_floor():
    assert {room_of(module) for module in MODULES} - {""} == set(LEVEL)
    assert sum(map(len, FLOORS)) == len(LEVEL)


def test_every_library_is_used_where_it_may_be():
    used = {}
    for module, (path, is_package) in MODULES.items():
        for name, _ in imports_in(path.read_text(encoding="utf-8"), module, is_package):
            used.setdefault(name.split(".")[0], set()).add(room_of(module))
    assert {name: rooms for name, rooms in used.items() if name in LIBRARIES} == LIBRARIES


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from bnexp.train import train_stack", "bnexp.nn.dense"),
        ("def late():\n    from bnexp.cli import main", "bnexp.driver"),
        ("from bnexp import train", "bnexp.plots.draw"),
        ("from ..engines import Engine", "bnexp.store.views"),
        ("from . import driver", "bnexp.plan"),
        ("from bnexp.plots import plot_grid", "bnexp.driver"),
        ("from bnexp.driver import Watcher", "bnexp.plots.draw"),
        ("import yaml", "bnexp.plots.draw"),
        ("import click", "bnexp.api"),
        ("import matplotlib.pyplot as plt", "bnexp.cli.plot"),
        ("import torch", "bnexp.nn.dense"),
        ("from bnexp.config import Config", "bnexp.nn.dense"),
        ("import bnexp", "bnexp.driver"),
        ("import_module('bnexp.driver')", "bnexp.store.views"),
    ],
)
def test_an_import_that_goes_up_is_found(source, module):
    assert len(mistakes(source, module)) == 1


def test_imports_that_go_down_are_no_mistake():
    source = "import os\nfrom bnexp.records import Record\nfrom . import style\nimport matplotlib"
    assert mistakes(source, "bnexp.plots.draw") == []
