"""Getting the files of a dataset: found where the user keeps them, in the cache, or downloaded.

``get_files`` is what loading a dataset goes through: it reads from the user's folders and writes
only to the cache. ``ensure_files`` does the same ahead of worker processes. ``keep_dataset`` is
what ``bnexp data get`` asks for: a complete, verified copy in a place that the user may choose.
``ensure_data`` and ``verify_data`` do for a ``DataSpec`` what ``ensure_files`` and ``verify_files``
do for a dataset that has a name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bnexp import describe
from bnexp.data.content import DataFile
from bnexp.data.forms import dataset_files
from bnexp.data.locate import (
    EMBEDDED,
    Notify,
    cache_folder,
    data_folder,
    find_files,
    missing_files,
    read_files,
    subfolder,
)
from bnexp.data.verified import verify_once
from bnexp.describe import DatasetFacts, DataSpec
from bnexp.errors import DatasetError
from bnexp.userdata import user_facts


def get_files(
    facts: DatasetFacts,
    files: Sequence[DataFile],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    notify: Notify | None = None,
    progress: bool = False,
) -> dict[str, Path]:
    """Return the path of each file by name: from the data folder, the cache, or downloaded to it.

    The contents are not verified, ``read_files`` does that. Raises ``DatasetError`` if the data
    folder does not exist or has only some of the files, or if the download fails.
    """
    named = data_folder(data_dir)
    if named is not None:
        folder = subfolder(facts, named.path)
        found = find_files(folder, files)
        if len(found) == len(files):
            return found
        if found or find_files(folder, dataset_files(facts)):
            raise DatasetError(
                f"{folder} holds some files of {facts.title} but not "
                f"{missing_files(files, found)}{_forms(files[0])}. Add what is missing, or "
                f"download it: bnexp data get {facts.name} --data-dir {named.path}"
            )
        if notify is not None:
            notify(f"data folder {named} has no {facts.title}; using the cache")
    return _download(facts, files, cache_folder(facts), notify, progress)


def ensure_files(
    facts: DatasetFacts,
    *,
    test: bool = True,
    data_dir: str | os.PathLike[str] | None = None,
    notify: Notify | None = None,
    progress: bool = False,
) -> tuple[Path, ...]:
    """Make sure that the files are here before several processes load them; return their paths.

    Without ``test`` those of the test set may be missing. An embedded dataset is always here.
    Contents are not verified; errors are those of ``get_files``.
    """
    if facts.name in EMBEDDED:
        return (EMBEDDED[facts.name],)
    files = dataset_files(facts, test=test)
    found = get_files(facts, files, data_dir=data_dir, notify=notify, progress=progress)
    return tuple(dict.fromkeys(found[file.name] for file in files))


def keep_dataset(
    facts: DatasetFacts,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    notify: Notify | None = None,
    progress: bool = False,
) -> tuple[Path, ...]:
    """Make sure that a complete, verified copy is here; return the paths of its files.

    With ``data_dir`` that is where the copy shall be: in the folder itself if it holds files of the
    dataset, else in its subfolder named like the dataset; folders are created as needed. Without,
    it is wherever ``get_files`` finds or puts it. Raises ``DatasetError``.
    """
    if facts.name in EMBEDDED:
        from bnexp.data.digits import read_digits

        read_digits(facts)
        return (EMBEDDED[facts.name],)
    files = dataset_files(facts)
    if data_dir is None:
        found = get_files(facts, files, notify=notify, progress=progress)
    else:
        folder = subfolder(facts, Path(data_dir).expanduser())
        found = _download(facts, files, folder, notify, progress)
    _verify(found, files, facts)
    return tuple(dict.fromkeys(found[file.name] for file in files))


def verify_files(
    facts: DatasetFacts, *, test: bool = True, data_dir: str | os.PathLike[str] | None = None
) -> None:
    """Verify the content of a dataset's files against its checksums. Raises ``DatasetError``.

    A file that was verified before and is untouched since is not read again (``verify_once``). An
    embedded dataset is verified whenever it is loaded.
    """
    if facts.name not in EMBEDDED:
        files = dataset_files(facts, test=test)
        found = get_files(facts, files, data_dir=data_dir)
        verify_once(found, files, lambda left: _verify(found, left, facts))


def ensure_data(
    spec: DataSpec,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    notify: Notify | None = None,
    progress: bool = False,
) -> None:
    """Make sure that the files of ``spec`` are here, downloaded if need be; see ``ensure_files``.

    A user's own are looked into. Raises ``DatasetError``.
    """
    if spec.path is not None:
        user_facts(spec.name, spec.path, spec.test_path)
    else:
        ensure_files(
            describe.DATASETS[spec.name],
            test=spec.test > 0,
            data_dir=data_dir,
            notify=notify,
            progress=progress,
        )


def verify_data(
    spec: DataSpec,
    facts: DatasetFacts,
    *,
    data_dir: str | os.PathLike[str] | None = None,
) -> None:
    """Verify that the files of ``spec`` hold what ``facts`` say. Raises ``DatasetError``."""
    if spec.path is None:
        verify_files(facts, test=spec.test > 0, data_dir=data_dir)
    elif user_facts(spec.name, spec.path, spec.test_path).content != facts.content:
        files = " or ".join(path for path in (spec.path, spec.test_path) if path)
        raise DatasetError(f"{files} changed while it was in use; give the command again")


def _download(
    facts: DatasetFacts,
    files: Sequence[DataFile],
    folder: Path,
    notify: Notify | None,
    progress: bool,
) -> dict[str, Path]:
    """Return the files in ``folder``, downloaded if need be."""
    found = find_files(folder, files)
    if len(found) < len(files):
        # Here, since workers start in less time without what a download takes.
        from bnexp.data.download import download_missing

        found = download_missing(facts, files, folder, notify=notify, progress=progress)
    return found


def _verify(found: dict[str, Path], files: Sequence[DataFile], facts: DatasetFacts) -> None:
    for _ in read_files(found, files, facts):
        pass


def _forms(file: DataFile) -> str:
    return f", nor {file.archive}" if file.archive else ", with or without .gz"
