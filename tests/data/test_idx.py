"""Reading IDX content: what is right comes through, what is wrong is named."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tracemalloc
from types import MappingProxyType

import pytest

from bnexp import describe
from bnexp.data.content import ContentError
from bnexp.data.idx import IdxFile, idx_files

HEADER = bytes([0, 0, 8, 3]) + struct.pack(">3I", 4, 3, 2)
CONTENT = HEADER + bytes(range(24))
FILE = IdxFile("images", (4, 3, 2), hashlib.md5(CONTENT).hexdigest())


def test_header_and_size():
    assert FILE.header == HEADER
    assert FILE.size == 16 + 24


def test_the_real_files_have_their_published_sizes():
    sizes = [file.size for file in idx_files(describe.DATASETS["mnist"])]
    assert sizes == [47_040_016, 60_008, 7_840_016, 10_008]


@pytest.mark.parametrize(
    "stored",
    [
        CONTENT,
        gzip.compress(CONTENT),
        gzip.compress(CONTENT, 0),
        gzip.compress(CONTENT[:20]) + gzip.compress(CONTENT[20:]) + gzip.compress(b""),
    ],
    ids=["plain", "gzip", "stored", "members"],
)
def test_however_it_is_compressed_the_content_comes_through(stored):
    assert FILE.read(io.BytesIO(stored)) == CONTENT


def _flip(raw: bytes, position: int) -> bytes:
    return raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]


HTML = b"\n<!DOCTYPE html><html><body>Sign in to the network</body></html>"
WRONG = {
    "empty": (b"", "it is empty"),
    "html": (HTML, "web page"),
    "zipped html": (gzip.compress(HTML), "web page"),
    "magic": (_flip(CONTENT, 3), "magic number is 0x00000802, not 0x00000803"),
    "text": (b"version https://git-lfs.github.com/spec/v1", "longer than 40 bytes"),
    "short text": (b"404: Not Found", "magic number is 0x3430343a, not 0x00000803"),
    "count": (_flip(CONTENT, 7), "header says 5 x 3 x 2, not 4 x 3 x 2"),
    "inside the header": (CONTENT[:10], "header says 4, not 4 x 3 x 2"),
    "short": (CONTENT[:-1], "ends after 39 of 40 bytes"),
    "long": (CONTENT + b"\0", "longer than 40 bytes"),
    "one bit": (_flip(CONTENT, 30), "its content has MD5"),
    "zipped one bit": (gzip.compress(_flip(CONTENT, 30)), "its content has MD5"),
    "cut gzip": (gzip.compress(CONTENT)[:-9], "gzip data ends early"),
    "cut trailer": (gzip.compress(CONTENT)[:-1], "gzip data ends early"),
    "gzip of less": (gzip.compress(CONTENT[:-4]), "ends after 36 of 40 bytes"),
    "bad checksum in gzip": (_flip(gzip.compress(CONTENT), -5), "gzip data is damaged"),
    "bad deflate": (gzip.compress(b"")[:10] + b"\xff" * 40, "gzip data is damaged"),
    "junk after gzip": (gzip.compress(CONTENT) + b"junk", "gzip data is damaged"),
}


@pytest.mark.parametrize(("stored", "message"), WRONG.values(), ids=WRONG)
def test_wrong_content_is_named(stored, message):
    with pytest.raises(ContentError, match=message):
        FILE.read(io.BytesIO(stored))


def test_a_gzip_bomb_is_left_before_it_unfolds():
    stream = io.BytesIO(gzip.compress(bytes(30_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(ContentError, match="longer than 40 bytes"):
            FILE.read(stream)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


def test_a_file_of_another_dataset_is_recognised(monkeypatch):
    content = FILE.header + bytes(24)
    known = describe.DatasetFacts(
        "zeros",
        "Zeros",
        (3, 2),
        2,
        4,
        0,
        MappingProxyType({"blank": hashlib.md5(content).hexdigest()}),
    )
    monkeypatch.setattr(describe, "DATASETS", {"zeros": known})
    with pytest.raises(ContentError, match="it is blank of Zeros"):
        FILE.read(io.BytesIO(content))
