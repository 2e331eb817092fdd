"""Every shipped config, cut down, from its file to its picture."""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import bnexp
from bnexp import describe
from bnexp.describe import DatasetFacts

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))

#: What makes each config short: few examples, epochs and values of its axes.
CUT: dict[str, dict[str, Any]] = {
    "cifar10-cnn": {"overrides": ["training.epochs=2", "training.batch_size=16"]},
    "fig6-18": {"weights": "1,0.05", "overrides": ["training.epochs=2"]},
    "fig6-18-digits": {"weights": "1,0.05", "overrides": ["training.epochs=2"]},
    "hyperparameter-search": {"trials": 5, "overrides": ["training.epochs=2"]},
    "ioffe-szegedy-fig1": {"overrides": ["training.epochs=2"]},
    "keras-mnist": {"overrides": ["training.epochs=2"]},
    "lr-times-bn": {"axes": {"optimizer.lr": [1e-3, 1.0]}, "overrides": ["training.epochs=2"]},
    "mnist-bn": {"overrides": ["training.epochs=2"]},
    "optimizers": {"overrides": ["training.epochs=2"]},
    "overfit-dropout": {"overrides": ["training.epochs=3"]},
    "overfit-weight-decay": {"overrides": ["training.epochs=3"]},
    "small-batches": {
        "axes": {"training.batch_size": [2, 32]},
        "overrides": ["training.epochs=1"],
    },
    "weight-init": {"overrides": ["training.epochs=2"]},
}
#: How many of the examples a config names there are in the miniatures.
TRAIN, TEST = 300, 60


@pytest.fixture
def miniatures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MNIST and CIFAR-10 with few images, each class a bright block of its own."""
    rng = np.random.default_rng(5)
    files = {}
    for name, shape in (("train", TRAIN), ("t10k", TEST)):
        labels = rng.integers(0, 10, shape, dtype=np.uint8)
        images = rng.integers(0, 60, (shape, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4 + 2 * label : 8 + 2 * label, 4:24] += 180
        head = bytes([0, 0, 8, 3]) + struct.pack(">3I", shape, 28, 28)
        files[f"{name}-images-idx3-ubyte"] = head + images.tobytes()
        files[f"{name}-labels-idx1-ubyte"] = (
            bytes([0, 0, 8, 1]) + struct.pack(">I", shape) + labels.tobytes()
        )
    mnist = _facts("mnist", (28, 28), TRAIN, TEST, files, tmp_path)
    records = {}
    for name, count in (
        *((f"data_batch_{n}.bin", 20) for n in range(1, 6)),
        ("test_batch.bin", 30),
    ):
        pixels = rng.integers(0, 256, (count, 3073), dtype=np.uint8)
        pixels[:, 0] %= 10
        records[name] = pixels.tobytes()
    cifar = _facts("cifar10", (32, 32, 3), 100, 30, records, tmp_path)
    known = MappingProxyType({**describe.DATASETS, "mnist": mnist, "cifar10": cifar})
    monkeypatch.setattr(describe, "DATASETS", known)
    return tmp_path


def _facts(
    name: str, shape: tuple[int, ...], train: int, test: int, files: dict[str, bytes], folder: Path
) -> DatasetFacts:
    """Write the files of a dataset and return what is known of it."""
    (folder / name).mkdir()
    for file, content in files.items():
        (folder / name / file).write_bytes(content)
    sums = {file: hashlib.md5(content).hexdigest() for file, content in files.items()}
    title = describe.DATASETS[name].title
    return DatasetFacts(name, title, shape, 10, train, test, MappingProxyType(sums))


def test_every_config_has_its_cut() -> None:
    assert sorted(path.stem for path in CONFIGS) == sorted(CUT)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_runs_from_its_file_to_its_picture(path: Path, miniatures: Path) -> None:
    text = path.read_text()
    for count in ("500,", "1000}", "12800}", "10000}", "6000}"):
        text = text.replace(f"train: {count}", f"train: {TRAIN}{count[-1]}")
    config = miniatures / path.name
    config.write_text(text)
    cut = CUT[path.stem]
    output = miniatures / "results"
    if "\nsearch:" in text:
        found = bnexp.search(config, jobs=0, data_dir=miniatures, output=output, **cut)
        assert [run.status for run in found.runs.values()] == ["done"] * 6
        for draw in (bnexp.plot_best, bnexp.plot_space):
            picture = bnexp.save_figure(draw(found), miniatures / "figure.png")
            assert picture.stat().st_size > 10_000
        return
    results = bnexp.sweep(config, jobs=0, data_dir=miniatures, output=output, **cut)
    cells = math.prod(len(values) for values in results.axes.values())
    assert len(results.cells) == cells
    metrics = results.config.plot.metrics
    assert metrics
    for run in results.runs.values():
        assert run.status == "done" or (run.status == "diverged" and "fig6-18" in path.stem)
        assert all(set(metrics) <= record.metrics.keys() for record in run.records)
    picture = bnexp.save_figure(bnexp.plot_grid(results), miniatures / "figure.png")
    assert picture.stat().st_size > 10_000
