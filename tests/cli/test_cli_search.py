"""``bnexp search``: what it prints and writes, its exit codes, and the pictures of its folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

import bnexp
from bnexp.store.search import SearchResults

CONFIG = """\
name: hunt
data: {name: digits, train: 100, test: 50, validation: 0.2}
network: {layers: [8]}
training: {epochs: 3, batch_size: 20}
search:
  trials: 5
  space:
    optimizer.lr: loguniform(1e-3, 1)
    norm: [on, off]
"""


@pytest.fixture
def hunt(room):
    Path("hunt.yaml").write_text(CONFIG)


@pytest.fixture
def search(hunt, call):
    """Call ``bnexp search hunt.yaml`` with more arguments, in one process."""

    def search(*arguments):
        return call("search", "hunt.yaml", "--jobs", "1", "--output", "out", *arguments)

    return search


def test_a_search_prints_its_best_and_where_things_are(search):
    ended = search()
    assert ended.code == 0
    head, *rows, said, folder, best, space = ended.stdout.splitlines()
    assert head.split() == [
        *("rank", "trial", "optimizer.lr", "norm.kind"),
        *("val_accuracy", "test_accuracy"),
    ]
    assert [row.split()[0] for row in rows] == list("12345")
    assert [len(row.split()) for row in rows] == [6, 5, 5, 5, 5]
    trial = rows[0].split()[1]
    assert said == (
        f"trial {trial} is the best of 5 by val_accuracy; its test_accuracy was measured once, "
        "after the choice"
    )
    assert (folder, best, space) == ("out", "out/plot.png", "out/plot-objective.png")
    assert ended.stderr == "5 of 5 runs are finished\n"
    assert all(Path(name).stat().st_size > 10_000 for name in (best, space))


def test_a_test_metric_is_that_of_the_last_record_where_the_best_one_ranks(search):
    said = search("--set", "search.at=best").stdout.splitlines()[6]
    assert said.endswith(
        "its test_accuracy was measured once, after the choice, at its last record"
    )


def test_a_loss_with_a_searched_penalty_in_it_is_noted(call, hunt):
    space = "{regularization.l2: 'loguniform(1e-6, 1e-2)', norm.kind: [batch, none]}"
    arguments = ("search", "hunt.yaml", "--dry-run", "--set", f"search.space={space}")
    notes = [
        "note: val_loss has the penalty of regularization.l2 in it, so that less of it looks "
        "better; rank by an accuracy where penalties are searched"
    ]
    ended = call(*arguments, "--set", "search.objective=val_loss")
    assert ended.stderr.splitlines() == notes
    assert call(*arguments).stderr == ""


def test_progress_counts_trials_of_equal_values_once(call, hunt):
    space = "{optimizer.lr: [0.1, 0.2], norm.kind: [batch]}"
    more = ("--sampler", "tpe", "--trials", "14", "--set", "search.ask=3", "--jobs", "1")
    ended = call("search", "hunt.yaml", *more, "--set", f"search.space={space}", "--output", "o")
    assert ended.stderr == "2 of 2 runs are finished\n"


def test_a_sweep_of_nothing_names_the_search(call, hunt):
    said = call("sweep", "hunt.yaml", "--dry-run").stderr
    assert said.splitlines()[-1] == (
        "note: this config sweeps nothing; name what to vary with --axis or --weights; "
        "`bnexp search` draws from its ranges"
    )


def test_the_table_says_where_the_other_trials_are(search):
    *_, tenth, others, said, _, _, _ = search("--trials", "12").stdout.splitlines()
    assert tenth.split()[0] == "10"
    assert others == "2 more are in out/trials.csv"
    assert said.startswith("trial ")


def test_more_trials_extend_it_and_fewer_lose_none(search):
    search("--trials", "3")
    more = search("--trials", "6", "--json")
    assert more.stderr.startswith("3 of 6 runs are finished already\n")
    assert [row["rank"] for row in more.json["trials"]] == [1, 2, 3, 4, 5, 6]
    assert more.json["objective"] == "val_accuracy"
    assert more.json["pictures"] == ["out/plot.png", "out/plot-objective.png"]
    fewer = search("--trials", "2", "--json")
    assert "out holds 6 trials of this search: all of them are trained, and " in fewer.stderr
    assert fewer.json == more.json


def test_a_plan_trains_nothing(search):
    ended = search("--dry-run", "--pruner", "halving")
    assert ended.stdout.splitlines() == [
        "optimizer.lr  loguniform(0.001, 1.0)",
        "norm.kind     batch, none",
        "5 trials by random, highest final val_accuracy",
        "halving after epoch 1, 2: the best 50% go on",
        "5 cells, 5 runs in 2 stacks on 1 worker",
        "610 to 618 parameters, 12 steps a run (4 an epoch)",
        "halving trains 11 of 18 epochs, 44 of 72 steps (the report on the best included): 37% "
        "less work, about a second or less without it",
        "1.33 million multiply-adds, about a second or less",
        "0 of 5 runs finished in out",
    ]
    assert not Path("out").exists()
    assert "halving trains" not in search("--dry-run").stdout
    search("--trials", "2")
    facts = search("--dry-run", "--json").json
    assert (facts["trials"], facts["finished"], facts["rungs"]) == (5, 2, [])
    assert "without_halving" not in facts
    assert search("--dry-run", "--fresh", "--json").json["finished"] == 0


def test_a_plan_counts_what_halving_leaves_out(search):
    whole, pruned = (
        search("--dry-run", "--json", "--trials", "40", *more).json
        for more in ((), ("--pruner", "halving"))
    )
    numbers = ("all_epochs", "all_steps", "multiply_adds", "rough_seconds")
    assert pruned["without_halving"] == {name: whole[name] for name in numbers}
    assert (whole["all_epochs"], whole["all_steps"]) == (3 * 41, 3 * 41 * 4)
    assert (pruned["all_epochs"], pruned["all_steps"]) == (40 + 20 + 10 + 3, 73 * 4)
    share = pruned["multiply_adds"] / whole["multiply_adds"]
    assert share == pytest.approx(73 / 123, abs=0.01)


def test_check_shows_the_search(call, hunt):
    ended = call("check", "hunt.yaml")
    assert "5 trials by random, highest final val_accuracy" in ended.stdout
    assert "1 cell, 1 run in 1 stack" in ended.stdout
    facts = call("check", "hunt.yaml", "--json").json
    assert facts["search"]["trials"] == 5
    assert facts["config"]["search"]["space"]["optimizer.lr"] == "loguniform(0.001, 1.0)"


def test_the_plan_of_a_folder_makes_the_same_search(search, call):
    search()
    again = call("search", "out/plan.yaml", "--jobs", "1", "--output", "again", "--json")
    assert again.code == 0
    tables = [Path(folder, "trials.csv").read_bytes() for folder in ("out", "again")]
    assert tables[0] == tables[1]
    assert yaml.safe_load(Path("out/plan.yaml").read_text())["search"]["trials"] == 5


def test_plot_draws_a_search_again(search, call):
    search("--pruner", "halving")
    ended = call("plot", "out", "--format", "svg,png")
    assert ended.stdout.split() == [
        *("out/plot.svg", "out/plot.png", "out/plot-objective.svg", "out/plot-objective.png"),
    ]
    before = [Path(name).read_bytes() for name in ended.stdout.split()]
    call("plot", "out", "--format", "svg,png")
    assert [Path(name).read_bytes() for name in ended.stdout.split()] == before
    named = call("plot", "out", "--output", "mine.svg")
    assert named.stdout.split() == ["mine.svg", "mine-objective.svg"]
    text = call("plot", "out", "--text").stdout
    assert text.startswith("rank  trial")
    assert "pruned at epoch" in text
    titled = call("plot", "out", "--text", "--title", "What a hunt\n found").stdout
    assert titled == f"What a hunt found\n{text}"
    assert call("plot", "out", "--text", "--title", " ").stdout == text
    for option in (("--panel", "optimizer.lr"), ("--arm", "norm.kind"), ("--only", "a=1")):
        for more in ((), ("--text",)):
            refused = call("plot", "out", *option, *more)
            assert refused.code == 2
            assert refused.stderr == (
                "error: out is a search: each of its best trials has a panel, and each searched "
                "key one of its own; --panel, --arm and --only are for sweeps (--y chooses what is "
                "drawn)\n"
            )


def test_plot_draws_another_metric_of_a_search(search, call):
    search()
    for more in ((), ("--text",)):
        both = call("plot", "out", "--y", "val_loss,running_loss", *more)
        assert (both.code, both.stderr) == (
            2,
            "error: y: val_loss and running_loss: each of the best trials of a search has its "
            "training and validation curves anyway; choose one, such as val_accuracy\n",
        )
    before = Path("out/plot.png").read_bytes(), Path("out/plot-objective.png").read_bytes()
    ended = call("plot", "out", "--y", "val_loss")
    assert ended.stdout.split() == ["out/plot.png", "out/plot-objective.png"]
    after = Path("out/plot.png").read_bytes(), Path("out/plot-objective.png").read_bytes()
    assert before[0] != after[0]
    assert before[1] != after[1]
    head, *rows = call("plot", "out", "--text", "--y", "val_loss").stdout.splitlines()
    assert head.split()[-3:] == ["val_accuracy", "val_loss", "test_accuracy"]
    results = bnexp.load_results("out")
    assert isinstance(results, SearchResults)
    assert [row.split()[5] for row in rows[:5]] == [
        f"{row['val_loss']:.4g}" for row in results.trial_rows()
    ]
    for more in ((), ("--text",)):
        refused = call("plot", "out", "--y", "test_loss", *more)
        assert refused.code == 2
        assert refused.stderr.startswith(
            "error: y: 'test_loss' is measured of the chosen trials only, once they are chosen"
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("no.yaml", "no.yaml: no such file"),
        ("tiny.yaml", "search.space: this config searches nothing; name keys and their ranges"),
        ("hunt.yaml --trials 0", "invalid value for '--trials': '0' is not allowed"),
        ("hunt.yaml --sampler bayes", "invalid value for '--sampler'"),
        ("hunt.yaml --sampler grid", "optimizer.lr has no grid"),
        ("hunt.yaml --set data.validation=0", "val_accuracy needs validation examples"),
        ("hunt.yaml --set search.space.norm=bat", "search.space.norm.kind: bat is no range"),
    ],
)
def test_wrong_input(call, hunt, arguments, message):
    ended = call("search", *arguments.split())
    assert (ended.code, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_optuna_the_remedy_is_told(search, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    ended = search("--sampler", "tpe")
    assert ended.code == 2
    assert ended.stderr == (
        "error: search.sampler: tpe needs Optuna, which is not installed; install it with "
        "pip install optuna, or choose random\n"
    )
    assert not Path("out").exists()


def test_notes_of_a_doubtful_objective_and_of_a_sweep_left_out(search):
    Path("hunt.yaml").write_text(CONFIG + "sweep: {axes: {init.scale: [1, 2]}}\n")
    ended = search("--set", "search.objective=test_accuracy", "--dry-run")
    assert "note: `bnexp search` leaves the config's sweep out" in ended.stderr
    assert "note: trials are chosen by test_accuracy, so that of the best one is" in ended.stderr
    ended = search("--set", "search.objective=running_loss", "--dry-run")
    assert "note: trials are chosen by running_loss, which says nothing of examples" in ended.stderr


def test_all_trials_may_be_lost(search):
    ended = search("--set", "search.space.optimizer.lr=uniform(1e200, 1e201)")
    assert ended.code == 0
    assert ended.stdout.count("diverged at epoch") == 5
    assert "plot.png" not in ended.stdout
    assert "there is no picture" in ended.stderr


def test_sweep_and_run_leave_a_search_out(call, hunt):
    assert call("run", "hunt.yaml", "--output", "run").code == 0
    assert call("sweep", "hunt.yaml", "--jobs", "1", "--output", "sweep").code == 0
    ended = call("search", "hunt.yaml", "--output", "run")
    assert ended.code == 4
    assert 'command: "run" there, "search" asked' in ended.stderr
