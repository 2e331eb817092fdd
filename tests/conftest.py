"""Settings of the whole suite."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Before NumPy is imported: the promise of equal bits is for one BLAS thread, as workers have.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ("idx_server",)
