"""Fixtures: miniatures of MNIST and CIFAR-10, and a loopback server that hands out their files."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from bnexp import describe
from bnexp.describe import DatasetFacts

Answer = bytes | int | Callable[[Any], None]


class Miniature:
    """12 training and 5 test images of 3x2 pixels under the names and forms of MNIST."""

    def __init__(self) -> None:
        self.content = {
            "train-images-idx3-ubyte": self._idx((12, 3, 2), start=7),
            "train-labels-idx1-ubyte": self._idx((12,), start=0, modulus=4),
            "t10k-images-idx3-ubyte": self._idx((5, 3, 2), start=130),
            "t10k-labels-idx1-ubyte": self._idx((5,), start=1, modulus=4),
        }
        sums = {name: hashlib.md5(content).hexdigest() for name, content in self.content.items()}
        self.facts = DatasetFacts("mnist", "MNIST", (3, 2), 4, 12, 5, MappingProxyType(sums))

    @staticmethod
    def _idx(shape: tuple[int, ...], *, start: int, modulus: int = 256) -> bytes:
        count = 1
        for length in shape:
            count *= length
        header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
        return header + bytes((start + 11 * index) % modulus for index in range(count))

    def write(self, folder: Path, *, zipped: bool = True, only: str = "") -> Path:
        """Write the files whose names start with ``only`` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.content.items():
            if name.startswith(only) and zipped:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
            elif name.startswith(only):
                (folder / name).write_bytes(content)
        return folder

    def serve(self, server: Server, prefix: str = "/mnist/") -> None:
        """Let a server hand out all files."""
        for name, content in self.content.items():
            server.answers[f"{prefix}{name}.gz"] = gzip.compress(content)


class MiniatureCifar:
    """20 training and 3 test images of 2x3 pixels in 3 colours, in the form of CIFAR-10."""

    def __init__(self) -> None:
        self.content = {
            **{f"data_batch_{n}.bin": self._records(4, start=40 * n) for n in range(1, 6)},
            "test_batch.bin": self._records(3, start=7),
        }
        sums = {name: hashlib.md5(content).hexdigest() for name, content in self.content.items()}
        content = MappingProxyType(sums)
        self.facts = DatasetFacts("cifar10", "CIFAR-10", (2, 3, 3), 4, 20, 3, content)

    @staticmethod
    def _records(count: int, *, start: int) -> bytes:
        records = b""
        for index in range(count):
            pixels = bytes((start + 19 * index + 13 * place) % 256 for place in range(18))
            records += bytes([(start + index) % 4]) + pixels
        return records

    @property
    def members(self) -> dict[str, bytes]:
        """What is in the archive, in an order of its own, with more beside the records."""
        names = sorted(self.content, key=lambda name: name[::-1])
        content = {
            "batches.meta.txt": b"airplane\n",
            **{name: self.content[name] for name in names},
        }
        return {f"cifar-10-batches-bin/{name}": content[name] for name in content}

    @staticmethod
    def tar(members: dict[str, bytes | tarfile.TarInfo]) -> bytes:
        """Return a gzipped archive of members; a TarInfo is one without content."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
            for name, content in members.items():
                info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
                data = b"" if isinstance(content, tarfile.TarInfo) else content
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return buffer.getvalue()

    def write(self, folder: Path, *, loose: bool = False) -> Path:
        """Write the archive, or the files that are in it, into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        if loose:
            for name, content in self.content.items():
                (folder / name).write_bytes(content)
        else:
            (folder / "cifar-10-binary.tar.gz").write_bytes(self.tar({**self.members}))
        return folder

    def serve(self, server: Server, prefix: str = "/cifar10/") -> None:
        """Let a server hand out the archive."""
        server.answers[f"{prefix}cifar-10-binary.tar.gz"] = self.tar({**self.members})


class Server:
    """Answers GET by path: a body, a status, or a function that does as it likes."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.requested = threading.Event()
        self.release = threading.Event()
        answers, requests, requested = self.answers, self.requests, self.requested

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append(self.path)
                requested.set()
                answer = answers.get(self.path, 404)
                if isinstance(answer, int):
                    self.send_error(answer)
                elif callable(answer):
                    answer(self)
                else:
                    self.send(answer, len(answer))

            def send(self, body: bytes, length: int | None) -> None:
                """Send a 200 with a body that is said to have ``length`` bytes."""
                self.send_response(200)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:
                """Keep stderr for what is tested."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Let every waiting handler go and stop; later connections are refused."""
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def mini_mnist(monkeypatch: pytest.MonkeyPatch) -> Miniature:
    """The miniature in the place of MNIST."""
    made = Miniature()
    known = MappingProxyType({**describe.DATASETS, "mnist": made.facts})
    monkeypatch.setattr(describe, "DATASETS", known)
    return made


@pytest.fixture
def mini_cifar(monkeypatch: pytest.MonkeyPatch) -> MiniatureCifar:
    """The miniature in the place of CIFAR-10."""
    made = MiniatureCifar()
    known = MappingProxyType({**describe.DATASETS, "cifar10": made.facts})
    monkeypatch.setattr(describe, "DATASETS", known)
    return made


@pytest.fixture
def data_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no data folder, and no way to a real mirror."""
    monkeypatch.setenv("BNEXP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BNEXP_MIRROR", "http://127.0.0.1:9/nothing-listens-here")
    monkeypatch.delenv("BNEXP_DATA", raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def mirror(data_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that is the only mirror."""
    made = Server()
    monkeypatch.setenv("BNEXP_MIRROR", made.url)
    yield made
    made.close()
