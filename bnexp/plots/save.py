"""Figures to files: PNG, SVG and PDF, whole or not at all, the same bytes for the same figure.

Dates are left out and the ids in an SVG come from a fixed salt. Words in an SVG are outlines, so
that the picture is the same where the font is not installed.
"""

from __future__ import annotations

import os
from pathlib import Path

from matplotlib.figure import Figure

from bnexp.errors import ConfigError, OutputError
from bnexp.plots.frame import METADATA, render_figure

#: The formats that can be written.
FORMATS = tuple(METADATA)


def save_figure(figure: Figure, path: str | Path, *, format: str | None = None) -> Path:
    """Write ``figure`` to ``path`` and return the path.

    ``format`` is one of ``FORMATS`` (default: the path's suffix). A file that is there is replaced
    only when the new one is complete.

    Raises:
        ConfigError: the format is not one of ``FORMATS``.
        OutputError: the file cannot be written.
    """
    path = Path(path)
    kind = (path.suffix[1:] if format is None else format).lower()
    if kind not in FORMATS:
        given = f"format {kind!r}" if kind else "no format"
        raise ConfigError(f"{path}: {given}; choose one of {', '.join(FORMATS)}")
    _replace_file(path, render_figure(figure, kind))
    return path


def _replace_file(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        what = f"{path}: the figure cannot be written: {reason}; name another place (--output)"
        raise OutputError(what) from error
