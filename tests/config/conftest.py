"""Loading a config from text through a file, and the mistakes that it gives."""

import time
from pathlib import Path

import pytest

from bnexp.config import ConfigMistakesError, load_config

NAME = "c.yaml"


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """Run the test in an empty folder, so that messages name files without their folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(own_folder):
    """Write text or bytes as the config of the current folder."""

    def write(content):
        Path(NAME).write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


@pytest.fixture
def load(write):
    """Load a config from its text."""

    def load(content, **arguments):
        write(content)
        return load_config(NAME, **arguments)

    return load


@pytest.fixture
def mistakes_of(write):
    """Return the lines of the error that a text raises, and hold it to a second.

    None loads the built-in config.
    """

    def mistakes_of(content, **arguments):
        if content is not None:
            write(content)
        started = time.process_time()
        with pytest.raises(ConfigMistakesError) as caught:
            load_config(None if content is None else NAME, **arguments)
        assert time.process_time() - started < 1
        return list(caught.value.mistakes)

    return mistakes_of
