"""Fetching one file over HTTP: patient with slow lines, not with silent or endless ones."""

from __future__ import annotations

import http.client
import sys
import time
import urllib.error
import urllib.request
from typing import BinaryIO

from tqdm import tqdm

from bnexp.version import __version__

#: Seconds without a byte after which a mirror is given up.
TIMEOUT = 20.0
#: Seconds after which a mirror that has sent less than SLOWEST bytes a second is given up.
PATIENCE = 60.0
SLOWEST = 2_000

_CHUNK = 1 << 16


class TransferError(Exception):
    """Why a mirror gave no file."""


class _WriteError(Exception):
    """What went wrong on this side, kept apart from what went wrong on the line."""


def fetch(url: str, sink: BinaryIO, *, size: int, name: str, progress: bool) -> None:
    """Write the body at ``url`` into ``sink``; its content has ``size`` bytes uncompressed.

    With ``progress``, a bar called ``name`` is shown on stderr if that is a terminal. Raises
    ``TransferError`` where the body is late, cut or too long, and OSError only for the sink.
    """
    # What does not compress grows a little under gzip; nothing honest is longer than this.
    limit = size + size // 100 + 4096
    try:
        request = urllib.request.Request(url, headers={"User-Agent": f"bnexp/{__version__}"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            _receive(response, sink, limit, name, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise TransferError(f"HTTP {error.code} {error.reason}".rstrip()) from None
    except urllib.error.URLError as error:
        raise TransferError(_reason(error.reason)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransferError(_reason(error)) from None
    except _WriteError as error:
        assert error.__cause__ is not None
        raise error.__cause__ from None


def _receive(
    response: http.client.HTTPResponse, sink: BinaryIO, limit: int, name: str, progress: bool
) -> None:
    total = response.length
    if total is not None and total > limit:
        raise TransferError(f"it has {total} bytes, too many, so it is another file")
    received = 0
    started = time.monotonic()
    # None: tqdm shows the bar on a terminal only.
    hidden = None if progress else True
    with tqdm(
        total=total,
        desc=name,
        unit="B",
        unit_scale=True,
        leave=False,
        file=sys.stderr,
        disable=hidden,
    ) as bar:
        while chunk := response.read1(_CHUNK):
            try:
                sink.write(chunk)
            except OSError as error:
                raise _WriteError from error
            received += len(chunk)
            bar.update(len(chunk))
            if received > limit:
                raise TransferError(
                    f"it has more than {limit} bytes, too many, so it is another file"
                )
            seconds = time.monotonic() - started
            if seconds > PATIENCE and received < SLOWEST * seconds:
                raise TransferError(f"too slow: {received} bytes in {seconds:.0f} s")
    if total is not None and received < total:
        raise TransferError(f"the connection was closed after {received} of {total} bytes")


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
