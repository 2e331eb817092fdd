"""The docs say what is so: generated pages are fresh, commands, links and examples work."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

import bnexp
from bnexp.cli import cli
from bnexp.config import load_config, load_text
from bnexp.store.search import SearchResults

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("[!.]*/README.md")])


def load_generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["config.md", "commands.md"])
def test_generated_pages_are_fresh(name):
    page = load_generator().PAGES[name]()
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == page, "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def commands() -> list[str]:
    """Every ``bnexp`` command that README, docs and configs tell people to type."""
    texts = [README, *(path.read_text() for path in ROOT.glob("configs/*.yaml"))]
    lines = re.findall(r"^(?:#\s+)?(bnexp [a-z].*?)(?:\s{2,}.*)?$", "\n".join(texts), re.M)
    quoted = [span for text in texts for span in re.findall(r"`(bnexp [a-z][^`]*)`", text)]
    found = [" ".join(command.split("#")[0].split()) for command in [*lines, *quoted]]
    # `bnexp run` alone is the command's name, not something to type.
    bare = {"bnexp run", "bnexp sweep", "bnexp search"}
    return sorted({command for command in found if "CONFIG" not in command} - bare)


def test_there_are_commands_to_check():
    assert len(commands()) >= 6


@pytest.mark.parametrize("line", commands())
def test_commands_parse_and_their_files_exist(line):
    words = shlex.split(line)[1:]
    command: click.Command = cli
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(click.Context(command), name)
        assert found is not None, name
        command = found
    command.make_context("bnexp", words)  # raises for an option that is not there
    for word in words:
        if word.startswith("configs/"):
            assert (ROOT / word).exists()


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.M))
    assert named >= {"demo", "test", "help"}
    assert named <= targets


def test_the_config_of_the_readme_is_right():
    for text in blocks("yaml"):
        assert load_text(text).sweep.seeds == 3


def test_the_examples_of_the_search_page_are_right():
    page = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")
    (config,) = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    assert len(load_text(config).search.space) == 6
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    compile(code, "search.md", "exec")
    assert all(hasattr(bnexp, name) for name in re.findall(r"\bbnexp\.([a-z_]+)\(", code))
    for name in re.findall(r"\bresults\.([a-z_]+)", code):
        assert hasattr(SearchResults, name)


def test_the_names_of_the_python_example_exist():
    (code,) = blocks("python")
    compile(code, "README.md", "exec")
    names = set(re.findall(r"\bbnexp\.([a-z_]+)", code))
    assert names and all(hasattr(bnexp, name) for name in names)
    for name in re.findall(r"\bresults\.([a-z_]+)\(", code):
        assert hasattr(bnexp.Results, name)


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*.yaml")), ids=lambda path: path.name)
def test_shipped_configs_are_right_and_say_what_to_look_for(path):
    load_config(path)
    text = path.read_text()
    assert "What to look for:" in text
    assert f"configs/{path.name}" in text or "--weights" in text


def test_the_changelog_knows_the_version():
    assert f"## {bnexp.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_data_of_ones_own_are_as_the_page_says(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "data.md").read_text()
    python, config, table = re.findall(r"```[a-z]*\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(python)
    results = bnexp.run(load_text(config, overrides=["training.epochs=1"]))
    assert [run.status for run in results.runs.values()] == ["done"]
    rows = table.splitlines()
    Path("train.csv").write_text("\n".join([rows[0], *rows[1:] * 20]) + "\n")
    own = ["data.name=csv", "data.path=train.csv", "data.test_path=train.csv"]
    small = ["training.epochs=1", "training.batch_size=10", "network.layers=[4]"]
    (run,) = bnexp.run({"name": "table"}, overrides=[*own, *small]).runs.values()
    assert run.status == "done"
