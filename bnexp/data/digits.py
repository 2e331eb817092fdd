"""The embedded digits: 1797 images of 8x8 pixels.

Source, licence and split are recorded in ``digits.md`` beside the data. The content is verified at
every load, like that of any other dataset.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bnexp.data.locate import EMBEDDED
from bnexp.describe import DatasetFacts
from bnexp.errors import DatasetError

Bytes = npt.NDArray[np.uint8]


def read_digits(facts: DatasetFacts, path: Path = EMBEDDED["digits"]) -> tuple[Bytes, Bytes]:
    """Return images (1797, 8, 8) with values 0 to 16 and labels (1797,), training examples first.

    Raises ``DatasetError`` if the file is missing or does not have the content that was shipped.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            images: Bytes = archive["images"]
            labels: Bytes = archive["labels"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(_damaged(path, str(error))) from None
    content = images.tobytes() + labels.tobytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    count = facts.train + facts.test
    shapes = (images.shape, labels.shape)
    if md5 != facts.content[path.name] or shapes != ((count, *facts.shape), (count,)):
        raise DatasetError(_damaged(path, f"its content has MD5 {md5}"))
    return images, labels


def _damaged(path: Path, reason: str) -> str:
    return f"{path}: the embedded digits are damaged: {reason}. Install bnexp again"
