from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from sweeps import python

from bnexp import environment
from bnexp.environment import _blas, available_cores, describe_environment, fingerprint
from bnexp.version import __version__


def test_the_fingerprint_names_what_decides_the_bits() -> None:
    mark = fingerprint()
    start, end = f"numpy {np.__version__}, ", f", {platform.machine()} {sys.platform}"
    assert mark.startswith(start) and mark.endswith(end)
    libraries = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert any(library["version"] in mark for library in libraries)
    assert any(library.get("architecture", "") in mark for library in libraries)


def test_every_process_here_has_the_same_fingerprint(tmp_path: Path) -> None:
    code = "from bnexp.environment import fingerprint; print(fingerprint())"
    assert python("-c", code, cwd=tmp_path) == (0, fingerprint() + "\n", "")


@pytest.mark.parametrize("ours_first", [True, False])
def test_the_blas_is_the_one_that_numpy_uses(
    monkeypatch: pytest.MonkeyPatch, ours_first: bool
) -> None:
    site = Path(np.__file__).resolve().parents[1]
    pools: list[dict[str, Any]] = [
        {"user_api": "openmp", "internal_api": "openmp", "filepath": str(site / "numpy/libgomp")},
        {
            "user_api": "blas",
            "internal_api": "openblas",
            "version": "1.2.3",
            "architecture": "Zen",
            "filepath": str(site / "numpy.libs" / "libopenblas.so"),
        },
        {
            "user_api": "blas",
            "internal_api": "mkl",
            "version": "9.9",
            "filepath": str(site / "torch" / "lib" / "libmkl.so"),
        },
    ]
    shown = pools if ours_first else pools[::-1]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: shown)
    assert _blas() == "openblas 1.2.3 Zen"
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools[2:])
    assert _blas() == "mkl 9.9"
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools[:1])
    assert _blas() == "BLAS unknown"


def test_the_environment_of_a_results_folder() -> None:
    assert describe_environment() == {
        "bnexp": __version__,
        "fingerprint": fingerprint(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
    }


def test_the_cores_available_are_those_of_this_process() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_importing_it_needs_no_numpy(tmp_path: Path) -> None:
    code = "import sys, bnexp.environment as e; e.available_cores(); print('numpy' in sys.modules)"
    assert python("-c", code, cwd=tmp_path) == (0, "False\n", "")


@pytest.mark.parametrize(
    ("cores", "busy", "threads"), [(1, 1, 1), (2, 1, 2), (2, 2, 1), (4, 2, 2), (64, 1, 2)]
)
def test_threads_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, busy: int, threads: int
) -> None:
    monkeypatch.setattr(environment, "available_cores", lambda: cores)
    assert environment.threads_for(busy) == threads
