"""Any valid config trains, and a run of it has the same bits alone and in a stack."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_runs import assert_same_bits, follow, load, make_run
from sweeps import NORMS

from bnexp.config.checks import find_conflicts
from bnexp.config.schema import Config

ACTIVATIONS = ["relu", "leaky_relu", "elu", "gelu", "softplus", "sigmoid", "tanh"]
OWN = st.fixed_dictionaries(
    {},
    optional={
        "norm": st.sampled_from(NORMS),
        "activation": st.sampled_from(ACTIVATIONS),
        "dropout": st.sampled_from([0.0, 0.4]),
        "bias": st.booleans(),
    },
)


def with_own(**own: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A layer of these keys, and perhaps some that it shares with other layers."""
    return st.tuples(st.fixed_dictionaries(own), OWN).map(lambda both: {**both[0], **both[1]})


CONV = with_own(
    conv=st.sampled_from([3, 8, 16]),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 2),
    padding=st.sampled_from(["same", "valid", 0]),
)
POOL = st.fixed_dictionaries(
    {
        "pool": st.sampled_from([2, 3, "global"]),
        "kind": st.sampled_from(["max", "average"]),
    }
)
DENSE = with_own(dense=st.sampled_from([2, 7, 32, 100]))
LAYERS = st.tuples(
    st.lists(st.one_of(CONV, CONV, POOL), max_size=3), st.lists(DENSE, max_size=2)
).map(lambda both: [*both[0], *both[1]])

CONFIGS = st.fixed_dictionaries(
    {
        "network": st.fixed_dictionaries(
            {"layers": LAYERS, "activation": st.sampled_from(ACTIVATIONS)}
        ),
        "norm": st.fixed_dictionaries(
            {
                "kind": st.sampled_from(NORMS),
                "place": st.sampled_from(["before", "after"]),
                "statistics": st.sampled_from(["running", "population"]),
                "gamma": st.sampled_from(["vector", "scalar", "none"]),
                "renorm_start": st.just(0.0),
            }
        ),
        "optimizer": st.fixed_dictionaries(
            {
                "kind": st.sampled_from(
                    ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]
                ),
                "schedule": st.sampled_from(["constant", "step", "cosine", "inverse"]),
            }
        ),
        "augmentation": st.fixed_dictionaries(
            {"flip": st.booleans(), "shift": st.sampled_from([0, 0, 1])}
        ),
        "training": st.fixed_dictionaries(
            {
                "epochs": st.just(1),
                "batch_size": st.sampled_from([16, 33, 64]),
                "sampling": st.sampled_from(["shuffle", "replacement", "sorted"]),
                "dtype": st.sampled_from(["float32", "float32", "float64"]),
            }
        ),
        "evaluate": st.fixed_dictionaries(
            {
                "at": st.sampled_from(["epoch_end", "first_step"]),
                "train": st.sampled_from(["all", "running"]),
            }
        ),
        "data": st.fixed_dictionaries(
            {
                "train": st.just(150),
                "test": st.just(60),
                "validation": st.sampled_from([0, 30]),
                "standardize": st.sampled_from(["unit", "pixel", "channel"]),
                "label_noise": st.sampled_from([0.0, 0.3]),
            }
        ),
    }
)
#: A run, and what others may have and still share its stack.
NEIGHBORS: list[dict[str, Any]] = [
    {},
    {"init__scale": 0.1, "optimizer__lr": 0.1, "seed": 1},
    {"norm__eps": 0.1, "optimizer__warmup": 0.5, "regularization__label_smoothing": 0.1},
    {"optimizer__lr": 1e300},
]


@settings(derandomize=True, max_examples=150, deadline=None)
@given(document=CONFIGS)
def test_a_valid_config_trains_alone_as_in_a_stack(document: dict[str, Any]) -> None:
    assume(not list(find_conflicts(Config.model_validate_json(json.dumps(document)))))
    run, *others = {r.id: r for r in (make_run(document, **more) for more in NEIGHBORS)}.values()
    data = load(run)
    alone = follow([run], data)
    assert alone.results[run.id].status in ("done", "diverged")
    assert_same_bits(alone, follow([*others, run], data))
