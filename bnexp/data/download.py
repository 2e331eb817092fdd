"""Downloading the files of a dataset into a folder, each verified before it gets its name.

Mirrors are tried in order and their failures collected. A body is written to a temporary file in
the folder, up to a cap taken from the known size, its content is verified, and the file is renamed,
under a lock, so that two processes download once and no reader ever sees part of a file. IDX files
are kept uncompressed: 55 MB of disk save every process that loads them the decompression. An
archive is kept as it came.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from bnexp.data.cifar import ARCHIVE, archive_limit, read_members
from bnexp.data.content import ContentError, DataFile
from bnexp.data.forms import dataset_files
from bnexp.data.locate import Notify, expected, find_files
from bnexp.data.transfer import TransferError, fetch
from bnexp.describe import DatasetFacts
from bnexp.errors import ConfigError, DatasetError

#: Folders that hold the compressed files of a dataset, the one to try first first.
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
    "cifar10": ("https://www.cs.toronto.edu/~kriz/",),
}

#: Bytes of all compressed files of a dataset.
DOWNLOAD_BYTES = {"mnist": 11_594_722, "fashion-mnist": 30_878_645, "cifar10": 170_052_171}

#: Seconds to wait for another process that is downloading the same dataset.
LOCK_TIMEOUT = 1800.0


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
    files: Sequence[DataFile],
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
            for download in dict.fromkeys(_download(facts, file) for file in missing):
                _keep(folder, facts, download, say, progress)
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DatasetError(
            f"cannot keep {facts.title} in {folder}: {reason}. It takes "
            f"{_disk(facts, files) / 1e6:.0f} MB; name another folder with "
            "BNEXP_CACHE (for the cache) or --data-dir"
        ) from error
    return find_files(folder, files)


def _ignore(_: str) -> None:
    """Drop a note that nobody asked for."""


def _megabytes(facts: DatasetFacts) -> str:
    size = DOWNLOAD_BYTES.get(facts.name)
    return "" if size is None else f"({size / 1e6:.1f} MB)"


def _disk(facts: DatasetFacts, files: Sequence[DataFile]) -> int:
    """Return how many bytes the files take where they are kept."""
    return DOWNLOAD_BYTES[facts.name] if files[0].archive else sum(file.size for file in files)


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


#: What is downloaded at once: the name on the mirror, the name to keep, the files in it.
_Download = tuple[str, str, tuple[DataFile, ...]]


def _download(facts: DatasetFacts, file: DataFile) -> _Download:
    if file.archive is None:
        return f"{file.name}.gz", file.name, (file,)
    return file.archive, file.archive, dataset_files(facts)


def _keep(
    folder: Path, facts: DatasetFacts, download: _Download, say: Notify, progress: bool
) -> None:
    """Keep the verified content of a download from the first mirror that has it."""
    remote, name, files = download
    failures: list[str] = []
    for mirror in mirrors(facts):
        if failures:
            say(f"{failures[-1].strip()}; trying {mirror}")
        url = f"{mirror}{remote}"
        try:
            with _temporary(folder / name) as part:
                size = sum(file.size for file in files)
                fetch(url, part, size=size, name=name, progress=progress)
                part.seek(0)
                _verify(part, facts, files)
        except (TransferError, ContentError) as error:
            failures.append(f"  {url}: {error}")
        else:
            return
    lines = [f"cannot download {name} of {facts.title}:", *(failures or ["  no mirror is known"])]
    forms = ", gzipped or not" if name != ARCHIVE else f", or {ARCHIVE}"
    raise DatasetError(
        "\n".join(lines) + f"\nGet its files ({', '.join(facts.content)}{forms}) elsewhere and "
        "name their folder with --data-dir or BNEXP_DATA, or name a mirror with BNEXP_MIRROR. "
        f"Expected content of {name}: {expected(files)}"
    )


def _verify(part: BinaryIO, facts: DatasetFacts, files: Sequence[DataFile]) -> None:
    """Verify what was downloaded; an IDX file is replaced by its content."""
    if files[0].archive is None:
        content = files[0].read(part)
        part.seek(0)
        part.truncate()
        part.write(content)
        return
    for _ in read_members(part, files, limit=archive_limit(facts)):
        pass


@contextmanager
def _temporary(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that is flushed to disk and gets its name when the block ends well."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
