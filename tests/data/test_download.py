"""Downloads from a server on the loopback address: good, bad in every way, and two at once."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import subprocess
import sys
import time

import pytest

from bnexp.data import load_dataset, transfer
from bnexp.data.download import download_missing, mirrors
from bnexp.data.files import keep_dataset
from bnexp.data.idx import idx_files
from bnexp.describe import DATASETS
from bnexp.errors import ConfigError, DatasetError

FIRST = "train-images-idx3-ubyte"


def _names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


class TestGood:
    def test_files_are_kept_uncompressed_and_not_asked_for_again(
        self, mini_mnist, mirror, data_cache
    ):
        mini_mnist.serve(mirror)
        notes: list[str] = []
        paths = keep_dataset(mini_mnist.facts, notify=notes.append)
        assert [path.read_bytes() for path in paths] == list(mini_mnist.content.values())
        assert _names(data_cache / "mnist") == sorted(mini_mnist.content)
        assert notes == [f"downloading MNIST to {data_cache / 'mnist'} (11.6 MB)"]
        assert len(mirror.requests) == 4
        assert keep_dataset(mini_mnist.facts) == paths
        assert len(mirror.requests) == 4

    def test_only_what_is_missing_is_asked_for(self, mini_mnist, mirror, data_cache):
        mini_mnist.write(data_cache / "mnist", only="train")
        mini_mnist.serve(mirror)
        keep_dataset(mini_mnist.facts)
        assert mirror.requests == [f"/mnist/{name}.gz" for name in list(mini_mnist.content)[2:]]

    def test_no_test_set_no_download_of_it(self, mini_mnist, mirror, data_cache):
        mini_mnist.serve(mirror)
        load_dataset("mnist", test=0)
        assert _names(data_cache / "mnist") == [FIRST, "train-labels-idx1-ubyte"]

    def test_into_a_named_folder_that_does_not_exist_yet(
        self, mini_mnist, mirror, data_cache, tmp_path
    ):
        mini_mnist.serve(mirror)
        paths = keep_dataset(mini_mnist.facts, data_dir=tmp_path / "new")
        assert {path.parent for path in paths} == {tmp_path / "new" / "mnist"}
        assert not data_cache.exists()
        assert load_dataset("mnist", data_dir=tmp_path / "new").y_train.shape == (12,)

    def test_a_mirror_without_a_folder_per_dataset(self, mini_mnist, mirror, data_cache):
        mini_mnist.serve(mirror, prefix="/")
        notes: list[str] = []
        keep_dataset(mini_mnist.facts, notify=notes.append)
        assert f"{FIRST}.gz: HTTP 404 Not Found; trying {mirror.url}/" in notes[1]

    def test_a_redirect_is_followed(self, mini_mnist, mirror, data_cache):
        mini_mnist.serve(mirror, prefix="/moved/")

        def redirect(handler):
            handler.send_response(302)
            handler.send_header("Location", handler.path.replace("/mnist/", "/moved/"))
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        mirror.answers.update({f"/mnist/{name}.gz": redirect for name in mini_mnist.content})
        assert len(keep_dataset(mini_mnist.facts)) == 4

    def test_a_bar_on_a_terminal_only(self, mini_mnist, mirror, data_cache, tmp_path, monkeypatch):
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        mini_mnist.serve(mirror)
        for folder, stream in (("a", Terminal()), ("b", io.StringIO())):
            monkeypatch.setattr(sys, "stderr", stream)
            keep_dataset(mini_mnist.facts, data_dir=tmp_path / folder, progress=True)
            assert (f"{FIRST}: " in stream.getvalue()) == stream.isatty()


def _cut_body(handler):
    handler.send(b"\x1f\x8b" + bytes(8), 1000)


def _no_length_and_cut(handler):
    handler.send(gzip.compress(os.urandom(70))[:60], None)


def _endless(handler):
    try:
        handler.send(bytes(100_000), None)
    except OSError:
        return


def _not_http(handler):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


BAD = {
    "404": (404, "HTTP 404 Not Found"),
    "500": (500, "HTTP 500"),
    "html": (b"<html>please log in</html>", "web page"),
    "empty": (b"", "it is empty"),
    "other content": (gzip.compress(bytes(88)), "magic number"),
    "gzip bomb": (gzip.compress(bytes(3_000_000)), "longer than 88 bytes"),
    "truncated": (_no_length_and_cut, "gzip data ends early"),
    "half closed": (_cut_body, "closed after 10 of 1000 bytes"),
    "declared too long": (bytes(10_000), "has 10000 bytes, too many"),
    "endless": (_endless, "more than 4184 bytes"),
    "not http": (_not_http, "SSH-2.0"),
}


class TestBad:
    @pytest.mark.parametrize(("answer", "reason"), BAD.values(), ids=BAD)
    def test_bad_answers_are_named_and_leave_nothing(
        self, mini_mnist, mirror, data_cache, answer, reason
    ):
        mini_mnist.serve(mirror)
        mirror.answers[f"/mnist/{FIRST}.gz"] = answer
        with pytest.raises(DatasetError) as caught:
            load_dataset("mnist")
        message = str(caught.value)
        assert message.startswith(f"cannot download {FIRST} of MNIST:\n  {mirror.url}/mnist/")
        assert reason in message.splitlines()[1]
        assert f"88 bytes with MD5 {mini_mnist.facts.content[FIRST]}" in message
        assert "BNEXP_MIRROR" in message
        assert _names(data_cache / "mnist") == []

    def test_the_next_mirror_is_tried(self, mini_mnist, mirror, data_cache):
        mini_mnist.serve(mirror, prefix="/")
        mirror.answers[f"/mnist/{FIRST}.gz"] = b"<html>"
        assert len(keep_dataset(mini_mnist.facts)) == 4

    def test_a_silent_server_is_given_up(self, mini_mnist, mirror, data_cache, monkeypatch):
        def silent(handler):
            handler.send(b"\x1f\x8b", 1000)
            mirror.release.wait()

        monkeypatch.setattr(transfer, "TIMEOUT", 0.1)
        mirror.answers[f"/mnist/{FIRST}.gz"] = silent
        started = time.monotonic()
        with pytest.raises(DatasetError, match=r"no answer within 0\.1 s"):
            load_dataset("mnist")
        assert time.monotonic() - started < 2.5

    def test_a_dripping_server_is_given_up(self, mini_mnist, mirror, data_cache, monkeypatch):
        def drip(handler):
            handler.send(b"\x1f", 80)
            while not mirror.release.wait(0.02):
                try:
                    handler.wfile.write(b"\x8b")
                except OSError:
                    return

        monkeypatch.setattr(transfer, "PATIENCE", 0.1)
        mirror.answers[f"/mnist/{FIRST}.gz"] = drip
        with pytest.raises(DatasetError, match="too slow"):
            load_dataset("mnist")

    def test_offline(self, mini_mnist, mirror, data_cache):
        mirror.close()
        with pytest.raises(DatasetError, match="Connection refused") as caught:
            load_dataset("mnist")
        assert caught.value.exit_code == 3

    def test_an_address_that_is_none(self, mini_mnist, data_cache, monkeypatch):
        monkeypatch.setenv("BNEXP_MIRROR", "http://[::bad/")
        with pytest.raises(DatasetError, match="cannot download"):
            load_dataset("mnist")

    def test_no_space_leaves_no_temporary_file(self, mini_mnist, mirror, data_cache, monkeypatch):
        def full(descriptor):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        mini_mnist.serve(mirror)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DatasetError, match=r"No space left on device.*BNEXP_CACHE"):
            load_dataset("mnist")
        assert _names(data_cache / "mnist") == []

    def test_a_cache_that_cannot_be_made(self, mini_mnist, mirror, data_cache):
        data_cache.write_text("a file in its place")
        with pytest.raises(DatasetError, match=f"cannot keep MNIST in {data_cache / 'mnist'}"):
            load_dataset("mnist")

    def test_a_mirror_must_be_an_address(self, mini_mnist, data_cache, monkeypatch):
        monkeypatch.setenv("BNEXP_MIRROR", "file:///etc")
        with pytest.raises(ConfigError, match="must be an http:// or https:// address"):
            load_dataset("mnist")


def test_built_in_mirrors_are_folders_with_more_than_one_per_dataset(monkeypatch):
    monkeypatch.delenv("BNEXP_MIRROR", raising=False)
    for name in ("mnist", "fashion-mnist"):
        known = mirrors(DATASETS[name])
        assert len(known) > 1
        assert all(url.startswith("http") and url.endswith("/") for url in known)


CHILD = """
import json, sys
from types import MappingProxyType
from bnexp.data import load_dataset
from bnexp.describe import DatasetFacts
name, title, shape, classes, train, test, content = json.loads(sys.argv[1])
facts = DatasetFacts(name, title, tuple(shape), classes, train, test, MappingProxyType(content))
say = lambda line: print(line, file=sys.stderr, flush=True)
print(int(load_dataset(facts, notify=say).y_train.sum()))
"""


def _start(facts):
    plain = (facts.name, facts.title, facts.shape, facts.classes, facts.train, facts.test)
    argument = json.dumps([*plain, dict(facts.content)])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, argument],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class TestTwoProcesses:
    @pytest.fixture
    def held(self, mini_mnist, mirror):
        """A server that holds the first file back until it is released."""
        mini_mnist.serve(mirror)
        body = mirror.answers[f"/mnist/{FIRST}.gz"]

        def hold(handler):
            mirror.release.wait()
            try:
                handler.send(body, len(body))
            except OSError:
                return

        mirror.answers[f"/mnist/{FIRST}.gz"] = hold
        return mirror

    def test_they_download_once(self, mini_mnist, held, data_cache):
        with _start(mini_mnist.facts) as one:
            assert held.requested.wait(20)
            with _start(mini_mnist.facts) as two:
                assert two.stderr is not None
                waiting = two.stderr.readline()
                held.release.set()
                outputs = [process.communicate(timeout=20) for process in (one, two)]
        assert waiting == "waiting for another process that is downloading MNIST\n"
        labels = sum(mini_mnist.content["train-labels-idx1-ubyte"][8:])
        assert [out for out, _ in outputs] == [f"{labels}\n"] * 2
        assert sorted(held.requests) == sorted(f"/mnist/{name}.gz" for name in mini_mnist.content)

    def test_a_killed_one_leaves_no_lock(self, mini_mnist, held, data_cache):
        with _start(mini_mnist.facts) as one:
            assert held.requested.wait(20)
            one.kill()
        held.release.set()
        found = download_missing(
            mini_mnist.facts, idx_files(mini_mnist.facts), data_cache / "mnist"
        )
        assert len(found) == 4
