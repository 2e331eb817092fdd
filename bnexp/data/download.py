"""Downloading the files of a dataset into a folder, each verified before it gets its name.

Mirrors are tried in order and their failures collected. A body is held in memory up to a cap taken
from the known size, its content is verified, written to a temporary file in the same folder and
renamed, under a lock, so that two processes download once and no reader ever sees part of a file.
Files are kept uncompressed: 55 MB of disk save every process that loads them the decompression.
"""

from __future__ import annotations

import http.client
import io
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from bnexp.data.idx import ContentError, IdxFile, read_idx
from bnexp.data.locate import find_files
from bnexp.describe import DatasetFacts
from bnexp.errors import ConfigError, DatasetError
from bnexp.version import __version__

#: Receives one line of progress or a note, without a newline.
Notify = Callable[[str], None]

#: Folders that hold the gzipped files of a dataset, the one to try first first.
MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
}

#: Bytes of all gzipped files of a dataset.
DOWNLOAD_BYTES = {"mnist": 11_594_722, "fashion-mnist": 30_878_645}

#: Seconds without a byte after which a mirror is given up.
TIMEOUT = 20.0
#: Seconds after which a mirror that has sent less than SLOWEST bytes a second is given up.
PATIENCE = 60.0
SLOWEST = 2_000
#: Seconds to wait for another process that is downloading the same dataset.
LOCK_TIMEOUT = 1800.0

_CHUNK = 1 << 16


class TransferError(Exception):
    """Why a mirror gave no file."""


def mirrors(facts: DatasetFacts) -> tuple[str, ...]:
    """Return the addresses of folders to download a dataset from.

    BNEXP_MIRROR replaces the built-in ones: the files are expected at ``URL/<dataset>/`` or at
    ``URL/``. Raises ``ConfigError`` if it is no http or https address.
    """
    named = os.environ.get("BNEXP_MIRROR", "")
    if not named:
        return MIRRORS.get(facts.name, ())
    if not named.startswith(("http://", "https://")):
        raise ConfigError(f"BNEXP_MIRROR is {named!r}; it must be an http:// or https:// address")
    base = named.rstrip("/") + "/"
    return (f"{base}{facts.name}/", base)


def download_missing(
    facts: DatasetFacts,
    files: Sequence[IdxFile],
    folder: Path,
    *,
    notify: Notify | None = None,
    progress: bool = False,
) -> dict[str, Path]:
    """Download those of ``files`` that are not in ``folder``; return the path of each by name.

    Files that are there are left as they are, and not verified. With ``progress``, a bar is shown
    on stderr if that is a terminal. Raises ``DatasetError`` if a file cannot be had from any
    mirror, or the folder cannot be written.
    """
    found = find_files(folder, files)
    if len(found) == len(files):
        return found
    say = notify or _ignore
    try:
        with _locked(folder, facts, say):
            # Another process may have downloaded them while this one waited for the lock.
            missing = [file for file in files if file.name not in find_files(folder, files)]
            if missing:
                say(f"downloading {facts.title} to {folder} {_megabytes(facts)}".rstrip())
            for file in missing:
                _write(folder / file.name, _from_mirrors(facts, file, say, progress))
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DatasetError(
            f"cannot keep {facts.title} in {folder}: {reason}. It takes "
            f"{sum(file.size for file in files) / 1e6:.0f} MB; name another folder with "
            "BNEXP_CACHE (for the cache) or --data-dir"
        ) from error
    return find_files(folder, files)


def _ignore(_: str) -> None:
    """Drop a note that nobody asked for."""


def _megabytes(facts: DatasetFacts) -> str:
    size = DOWNLOAD_BYTES.get(facts.name)
    return "" if size is None else f"({size / 1e6:.1f} MB)"


@contextmanager
def _locked(folder: Path, facts: DatasetFacts, say: Notify) -> Iterator[None]:
    """Hold the folder's lock; the system frees it should this process be killed."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"waiting for another process that is downloading {facts.title}")
            lock.acquire(timeout=LOCK_TIMEOUT)
    except Timeout:
        raise DatasetError(
            f"another process has held {folder / '.lock'} for {LOCK_TIMEOUT:g} s; stop it, or name "
            "another cache folder with BNEXP_CACHE"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _from_mirrors(facts: DatasetFacts, file: IdxFile, say: Notify, progress: bool) -> bytes:
    """Return the verified content of ``file`` from the first mirror that has it."""
    failures: list[str] = []
    for mirror in mirrors(facts):
        if failures:
            say(f"{failures[-1].strip()}; trying {mirror}")
        url = f"{mirror}{file.name}.gz"
        try:
            return read_idx(io.BytesIO(_fetch(url, file, progress)), file)
        except (TransferError, ContentError) as error:
            failures.append(f"  {url}: {error}")
    raise DatasetError(
        "\n".join(
            (
                f"cannot download {file.name} of {facts.title}:",
                *(failures or ["  no mirror is known"]),
                f"Get its files ({', '.join(facts.content)}, gzipped or not) elsewhere and name "
                "their folder with --data-dir or BNEXP_DATA, or name a mirror with BNEXP_MIRROR. "
                f"Expected content of {file.name}: {file.size} bytes with MD5 {file.md5}",
            )
        )
    )


def _fetch(url: str, file: IdxFile, progress: bool) -> bytes:
    """Return the body at ``url``, raising ``TransferError`` where it is late, cut or too long."""
    # What does not compress grows a little under gzip; nothing honest is longer than this.
    limit = file.size + file.size // 100 + 4096
    try:
        request = urllib.request.Request(url, headers={"User-Agent": f"bnexp/{__version__}"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return _receive(response, limit, file.name, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise TransferError(f"HTTP {error.code} {error.reason}".rstrip()) from None
    except urllib.error.URLError as error:
        raise TransferError(_reason(error.reason)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransferError(_reason(error)) from None


def _receive(response: http.client.HTTPResponse, limit: int, name: str, progress: bool) -> bytes:
    total = response.length
    if total is not None and total > limit:
        raise TransferError(f"it has {total} bytes, too many, so it is another file")
    body = bytearray()
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
            body += chunk
            bar.update(len(chunk))
            if len(body) > limit:
                raise TransferError(
                    f"it has more than {limit} bytes, too many, so it is another file"
                )
            seconds = time.monotonic() - started
            if seconds > PATIENCE and len(body) < SLOWEST * seconds:
                raise TransferError(f"too slow: {len(body)} bytes in {seconds:.0f} s")
    if total is not None and len(body) < total:
        raise TransferError(f"the connection was closed after {len(body)} of {total} bytes")
    return bytes(body)


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _write(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it to disk and rename it."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
