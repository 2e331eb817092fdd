"""Acceptance on real data: do the shipped configs give what they are said to give?

``python tests/acceptance.py`` trains ``configs/fig6-18.yaml`` with 3 seeds, holds the median final
training accuracies against the bands that public runs of the experiment gave, checks that runs have
the same bits in this process and with 1, 2 and 4 workers, and draws the figure. Then it trains
``keras-mnist.yaml`` and ``cifar10-cnn.yaml`` in full and holds them against what the same networks
reach in PyTorch. ``--quick`` trains one seed of the first and compares 2 workers with none. Data
are looked for in BNEXP_DATA.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

import bnexp
from bnexp.data.files import ensure_files
from bnexp.describe import DATASETS
from bnexp.errors import BnexpError
from bnexp.store.results import Results

CONFIGS = Path(__file__).parent.parent / "configs"
CONFIG = CONFIGS / "fig6-18.yaml"

#: (norm, scale): the lowest and the highest median of the final training accuracy.
BANDS = {
    ("batch", 1.0): (0.35, 0.48),
    ("batch", 0.293): (0.56, 0.68),
    ("batch", 0.0858): (0.84, 0.92),
    ("batch", 0.0251): (0.97, 1.0),
    ("batch", 0.00736): (0.98, 1.0),
    ("batch", 0.00117): (0.55, 1.0),
    ("batch", 0.0001): (0.35, 0.65),
    ("none", 0.293): (0.91, 1.0),
    ("none", 0.158): (0.81, 0.90),
    ("none", 0.0464): (0.07, 0.25),
    **{
        ("none", scale): (0.07, 0.15)
        for scale in (0.0251, 0.0136, 0.00736, 0.00398, 0.00215, 0.00117)
    },
    **{("none", scale): (0.07, 0.15) for scale in (0.000631, 0.000341, 0.000185, 0.0001)},
}
#: A plain network at these scales diverges, or ends as a constant of such an accuracy.
CONSTANT = (0.08, 0.12)
WILD = (1.0, 0.541)


def main(arguments: Sequence[str]) -> int:
    """Run the checks, say what each gave, and return the exit code."""
    quick = "--quick" in arguments
    try:
        for name in ["mnist"] if quick else ["mnist", "cifar10"]:
            ensure_files(DATASETS[name], test=not quick, data_dir=os.environ.get("BNEXP_DATA"))
    except BnexpError as error:
        click.echo(f"the acceptance lacks data: {error}", err=True)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        results = bnexp.sweep(CONFIG, seeds=1 if quick else 3, output=Path(folder) / "sweep")
        click.echo(f"{len(results.runs)} runs in {time.perf_counter() - started:.1f} s")
        failures = check_bands(results)
        failures += check_bits(results, [0, 2] if quick else [0, 1, 2, 4], Path(folder))
        picture = bnexp.save_figure(bnexp.plot_grid(results), Path(folder) / "figure.png")
        if picture.stat().st_size < 20_000:
            failures.append("the figure is nearly empty")
        if not quick:
            failures += check_norms("keras-mnist", (0.965, 0.975), (0.945, 0.965), Path(folder))
            failures += check_norms("cifar10-cnn", (0.62, 0.70), (0.62, 0.70), Path(folder))
    for failure in failures:
        click.echo(f"FAILED: {failure}", err=True)
    click.echo("acceptance failed" if failures else "acceptance passed")
    return 1 if failures else 0


def check_bands(results: Results) -> list[str]:
    """Hold the medians over the seeds against the bands."""
    failures = []
    values: dict[tuple[str, float], list[float | None]] = {}
    for cell in results.cells:
        scale, norm = cell.values["init.scale"], cell.values["norm.kind"]
        assert isinstance(scale, float)
        result = results.runs[cell.run]
        accuracy = None if result.status == "diverged" else result.final["train_accuracy"]
        values.setdefault((str(norm), float(f"{scale:.3g}")), []).append(accuracy)
    for (norm, scale), (low, high) in BANDS.items():
        finite = [value for value in values[norm, scale] if value is not None]
        median = statistics.median(finite) if finite else float("nan")
        verdict = "ok" if low <= median <= high else "OUTSIDE"
        click.echo(f"{norm:5} {scale:<9g} {median:.3f}  band {low:.2f} to {high:.2f}  {verdict}")
        if verdict != "ok":
            failures.append(f"{norm} at {scale:g}: median {median:.3f} is not in {low} to {high}")
    for scale in WILD:
        for value in values["none", scale]:
            if value is not None and not CONSTANT[0] <= value <= CONSTANT[1]:
                failures.append(f"none at {scale:g}: {value:.3f}, neither diverged nor constant")
    return failures


def check_bits(results: Results, jobs: Sequence[int], folder: Path) -> list[str]:
    """Train a few cells with other numbers of workers; 0 trains in this process."""
    failures = []
    axes = {"init.scale": "1,0.0858,0.00117"}
    for count in jobs:
        again = bnexp.sweep(CONFIG, jobs=count, output=folder / f"jobs-{count}", axes=axes)
        for run, result in again.runs.items():
            known = results.runs.get(run)
            if known is not None and known.records != result.records:
                failures.append(f"run {run} differs with {count} workers")
        click.echo(f"bits with {count} workers: {len(again.runs)} runs compared")
    return failures


def check_norms(
    name: str, batch: tuple[float, float], none: tuple[float, float], folder: Path
) -> list[str]:
    """Hold the final test accuracies with and without batch norm against what is known of them."""
    failures = []
    results = bnexp.sweep(CONFIGS / f"{name}.yaml", output=folder / name)
    for cell in results.cells:
        norm = str(cell.values["norm.kind"])
        result = results.runs[cell.run]
        low, high = batch if norm == "batch" else none
        accuracy = result.final["test_accuracy"]
        losses = [record.metrics["running_loss"] for record in result.records]
        click.echo(f"{name} {norm:5} {accuracy:.3f}  band {low:.3f} to {high:.3f}")
        if not low <= accuracy <= high:
            failures.append(f"{name}, norm {norm}: {accuracy:.3f} is not in {low} to {high}")
        if losses != sorted(losses, reverse=True):
            failures.append(f"{name}, norm {norm}: the running loss rose in some epoch")
    return failures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
