"""Where the files of a dataset are looked for, without reading or downloading any.

In order: the data folder (``data_dir``, else the environment variable BNEXP_DATA), in its subfolder
named like the dataset or in the folder itself; then the cache (BNEXP_CACHE, else the user's cache
folder). Each file may be there in the forms that ``DataFile.places`` names. A data folder that does
not exist or holds only some of the files is a mistake and is said to be one; a data folder without
any of them is passed over with a note. Digits are embedded and never looked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from bnexp import describe
from bnexp.data.cifar import FOLDER, archive_limit, glance, read_members
from bnexp.data.content import ContentError, DataFile
from bnexp.data.forms import dataset_files
from bnexp.describe import DatasetFacts
from bnexp.errors import DatasetError

#: Datasets that come with the package, and the file that holds each.
EMBEDDED = {"digits": Path(__file__).with_name("digits.npz")}

#: Receives one line of progress or a note, without a newline.
Notify = Callable[[str], None]

State = Literal["embedded", "found", "incomplete", "wrong", "missing"]


@dataclass(frozen=True)
class DataFolder:
    """A folder that the user named, and where it was named."""

    path: Path
    origin: Literal["--data-dir", "BNEXP_DATA"]

    def __str__(self) -> str:
        return f"{self.path} ({self.origin})"


@dataclass(frozen=True)
class Availability:
    """What a quick look finds of a dataset; ``folder`` and ``problem`` are None where unneeded."""

    state: State
    folder: Path | None = None
    problem: str | None = None


def data_folder(data_dir: str | os.PathLike[str] | None) -> DataFolder | None:
    """Return the folder named by ``data_dir``, else by BNEXP_DATA, else None.

    Raises ``DatasetError`` if the folder does not exist or cannot be read.
    """
    named = os.environ.get("BNEXP_DATA", "")
    if data_dir is None and not named:
        return None
    folder = (
        DataFolder(Path(named).expanduser(), "BNEXP_DATA")
        if data_dir is None
        else DataFolder(Path(data_dir).expanduser(), "--data-dir")
    )
    if not folder.path.is_dir():
        raise DatasetError(f"data folder {folder}: there is no such folder")
    if not os.access(folder.path, os.R_OK | os.X_OK):
        raise DatasetError(f"data folder {folder}: no permission to read it")
    return folder


def cache_root() -> Path:
    """Return the folder of everything that is kept for later; it need not exist."""
    named = os.environ.get("BNEXP_CACHE", "")
    return Path(named).expanduser() if named else platformdirs.user_cache_path("bnexp", False)


def cache_folder(facts: DatasetFacts) -> Path:
    """Return where downloaded files of a dataset are kept; it need not exist."""
    return cache_root() / facts.name


def subfolder(facts: DatasetFacts, folder: Path) -> Path:
    """Return where in a data folder the dataset is: its own subfolder, or the folder itself.

    Where neither holds any of its files, that is the subfolder. Files in the folder itself that
    are, by their labels, those of another dataset do not count: the names are the same.
    """
    files = dataset_files(facts)
    own = folder / facts.name
    if find_files(own, files) or not find_files(folder, files):
        return own
    return own if _holds_another(folder, facts) else folder


def _holds_another(folder: Path, facts: DatasetFacts) -> bool:
    """Return whether a file of labels in ``folder`` is that of another dataset with such names."""
    names = {file.name for file in dataset_files(facts)}
    others = (other for other in describe.DATASETS.values() if other.name != facts.name)
    for other in others:
        if other.name in EMBEDDED:
            continue
        files = dataset_files(other)
        labels = [file for file in files if file.holds_labels and file.name in names]
        found = find_files(folder, labels)
        for file in labels:
            if file.name in found and _is_right(found[file.name], file):
                return True
    return False


def _is_right(path: Path, file: DataFile) -> bool:
    try:
        with path.open("rb") as stream:
            file.read(stream)
    except (OSError, ContentError):
        return False
    return True


def find_files(folder: Path, files: Sequence[DataFile]) -> dict[str, Path]:
    """Return the paths of those files that are in ``folder``, each in its preferred place."""
    found: dict[str, Path] = {}
    for file in files:
        for path in (folder / place for place in file.places):
            # A broken link or a folder is there and wrong: it must not pass as missing.
            if os.path.lexists(path):
                found[file.name] = path
                break
    return found


def missing_files(files: Sequence[DataFile], found: dict[str, Path]) -> str:
    """Return the names of those files that were not found, for a message."""
    return ", ".join(file.name for file in files if file.name not in found)


def read_files(
    found: Mapping[str, Path],
    files: Sequence[DataFile],
    facts: DatasetFacts,
    *,
    first: Mapping[str, int] | None = None,
) -> Iterator[tuple[DataFile, bytes]]:
    """Yield each of ``files`` with its verified content: header, then values.

    ``found`` has the path of each. Members of one archive come in its order, and it is read once.
    With ``first``, only the header and so many examples by name, not verified. Raises
    ``DatasetError`` with what is wrong, what is expected and what to do.
    """
    for path in dict.fromkeys(found[file.name] for file in files):
        here = [file for file in files if found[file.name] == path]
        try:
            if not path.is_file():
                raise ContentError("it is not a file (a folder or a broken link?)")
            with path.open("rb") as stream:
                if path.name == here[0].archive:
                    limit = archive_limit(facts)
                    yield from read_members(stream, here, limit=limit, first=first)
                else:
                    (file,) = here
                    yield file, file.read(stream, None if first is None else first[file.name])
        except (ContentError, OSError) as error:
            raise _wrong(path, here, facts, error) from None


def read_file(path: Path, file: DataFile, facts: DatasetFacts) -> bytes:
    """Return the verified content of one file; see ``read_files``."""
    ((_, content),) = read_files({file.name: path}, [file], facts)
    return content


def expected(files: Sequence[DataFile]) -> str:
    """Say what the content of files must be, for a message."""
    if files[0].archive is None:
        return f"{files[0].size} bytes with MD5 {files[0].md5}"
    return ", ".join(f"{file.name} of {file.size} bytes with MD5 {file.md5}" for file in files)


def _wrong(
    path: Path, files: Sequence[DataFile], facts: DatasetFacts, error: Exception
) -> DatasetError:
    name = files[0].name
    form = "" if files[0].archive else ", gzipped or not"
    if path.name == files[0].archive:
        name, form = path.name, f" in its folder {FOLDER}"
    if isinstance(error, OSError):
        return DatasetError(
            f"{path}, {name} of {facts.title}, cannot be read: {error.strerror or error}. Mend "
            "that, or name a folder that holds the files with --data-dir or BNEXP_DATA"
        )
    return DatasetError(
        f"{path} is not {name} of {facts.title}: {error}. Expected{form}: {expected(files)}. "
        f"Move it away and get the dataset again (bnexp data get {facts.name}, with --data-dir if "
        "it is not in the cache), or name a folder that holds the right files with --data-dir or "
        "BNEXP_DATA"
    )


def look_for(facts: DatasetFacts, data_dir: str | os.PathLike[str] | None = None) -> Availability:
    """Say where a dataset is, from the names of its files and the content of its small ones.

    Labels in files of their own are read, since they tell one dataset of this form from another;
    of other files only sizes or beginnings are. Raises ``DatasetError`` as ``data_folder`` does.
    """
    if facts.name in EMBEDDED:
        return Availability("embedded", EMBEDDED[facts.name].parent)
    files = dataset_files(facts)
    named = data_folder(data_dir)
    places = [] if named is None else [subfolder(facts, named.path)]
    for folder in (*places, cache_folder(facts)):
        found = find_files(folder, files)
        if not found:
            continue
        if len(found) < len(files):
            return Availability("incomplete", folder, f"missing: {missing_files(files, found)}")
        try:
            for file in files:
                _glance(found[file.name], file, facts)
        except DatasetError as error:
            return Availability("wrong", folder, str(error))
        return Availability("found", folder)
    return Availability("missing")


def _glance(path: Path, file: DataFile, facts: DatasetFacts) -> None:
    """Verify what is quickly verified. Raises ``DatasetError``."""
    if file.holds_labels:
        read_file(path, file, facts)
    elif file.archive is not None:
        try:
            with path.open("rb") as stream:
                if path.name == file.archive:
                    glance(stream, archive_limit(facts))
                elif (size := path.stat().st_size) != file.size:
                    raise ContentError(f"it has {size} bytes")
        except (ContentError, OSError) as error:
            raise _wrong(path, [file], facts, error) from None
