"""The text of a config file, or one clear message why it is none: missing, binary, not UTF-8."""

from __future__ import annotations

import codecs
import contextlib
import difflib
import re
from pathlib import Path

from bnexp.config.mistakes import ConfigMistakesError, Mark, shown, stop

#: Bytes of the largest config that is read.
MAX_BYTES = 500_000

# What YAML 1.2 (section 5.1) allows in a file, turned round.
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(path: Path) -> str:
    """Return the text of the file at ``path``, without a byte order mark.

    Raises ``ConfigMistakesError`` when there is no such file, it cannot be read, is longer than
    ``MAX_BYTES``, or is not UTF-8 text.
    """
    source = shown(str(path), 400)
    data = _read_bytes(path)
    if len(data) > MAX_BYTES:
        raise stop(Mark(source), f"the file is too long for a config; allowed: {MAX_BYTES:,} bytes")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise stop(Mark(source, 1, 1), "the file is UTF-16 text; save it as UTF-8")
    if (zero := data.find(0)) >= 0:
        before = data[:zero].decode("utf-8-sig", errors="ignore")
        raise _stop_after(source, before, "a byte 0x00: this is not text; is it a YAML file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="ignore")
        what = f"the byte 0x{data[error.start]:02x} is not UTF-8 text; save the file as UTF-8"
        raise _stop_after(source, before, what) from None
    if found := _NOT_TEXT.search(text):
        what = f"the character {found[0]!a} is not text; is this a YAML file?"
        raise _stop_after(source, text[: found.start()], what)
    return text


def _read_bytes(path: Path) -> bytes:
    mark = Mark(shown(str(path), 400))
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise stop(mark, _explain_missing(path)) from None
    except IsADirectoryError:
        raise stop(mark, "this is a folder; give the path of a YAML config") from None
    except (OSError, ValueError) as error:
        # ValueError: a path with a NUL character. Windows refuses a folder with PermissionError.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise stop(mark, f"cannot be read: {reason[:1].lower()}{reason[1:]}") from None


def _explain_missing(path: Path) -> str:
    """Say which config a path may mean where nothing is: one beside it, or in ``configs``.

    That of the working folder, or, for a bare name, the one beside this package.
    """
    names: dict[str, str] = {}
    shipped = [] if path.parent.name else [Path(__file__).parents[2] / "configs"]
    for folder in (*shipped, path.parent / "configs", path.parent):
        with contextlib.suppress(OSError, ValueError):
            found = [p for p in sorted(folder.iterdir()) if p.suffix in (".yaml", ".yml")]
            names |= {name.lower(): str(p) for p in found for name in (p.stem, p.name)}
    close = difflib.get_close_matches(path.name.lower(), names, 1, 0.8)
    if close:
        return f"no such file, did you mean {shown(names[close[0]], 400)}?"
    return "no such file; give the path of a YAML config"


def _stop_after(source: str, before: str, what: str) -> ConfigMistakesError:
    lines = re.split("\r\n|\r|\n", before)
    return stop(Mark(source, len(lines), len(lines[-1]) + 1), what)
