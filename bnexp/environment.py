"""What the bits of a result depend on beside its config: versions and the BLAS kernel.

Only a fingerprint needs NumPy loaded, so it is imported where one is taken.
"""

from __future__ import annotations

import functools
import os
import platform
import sys
from pathlib import Path
from typing import Any

from bnexp.version import __version__

#: Set for workers before NumPy is imported: one BLAS thread each, whatever the BLAS.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}

#: Threads of one stack: two take about 0.7 of the time of one; more were not measured.
MOST_THREADS = 2


@functools.cache
def fingerprint() -> str:
    """Return one line that names what decides the bits: NumPy, BLAS and its kernel, the machine."""
    import numpy as np

    return f"numpy {np.__version__}, {_blas()}, {platform.machine()} {sys.platform}"


def available_cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_for(busy: int) -> int:
    """Return how many threads each of so many stacks in training may use."""
    return min(max(1, available_cores() // max(1, busy)), MOST_THREADS)


def describe_environment() -> dict[str, Any]:
    """Return what ``environment.json`` says of this process."""
    return {
        "bnexp": __version__,
        "fingerprint": fingerprint(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
    }


def _blas() -> str:
    """Name NumPy's BLAS: where SciPy or PyTorch are loaded there are others beside it."""
    import numpy as np
    from threadpoolctl import threadpool_info

    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    if not libraries:
        return "BLAS unknown"
    # Wheels bring it in numpy.libs or numpy/.dylibs.
    home = str(Path(np.__file__).resolve().parent)
    library = min(libraries, key=lambda library: not library["filepath"].startswith(home))
    name = f"{library['internal_api']} {library['version']}"
    return f"{name} {library.get('architecture', '')}".strip()
