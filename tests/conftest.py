"""Settings of the whole suite."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before NumPy is imported: the promise of equal bits is for one BLAS thread, as workers have.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ("idx_server",)


@pytest.fixture(autouse=True)
def every_test_starts_its_own_workers() -> Iterator[None]:
    """End the workers that a sweep has left for the next one."""
    yield
    if crews := sys.modules.get("bnexp.engines.crew"):
        crews.shared_crew().dismiss()
