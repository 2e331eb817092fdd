import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnexp.config import Config, ConfigMistakesError, load_config, load_text
from bnexp.errors import ConfigError

STEADY = settings(derandomize=True, deadline=None, max_examples=150, database=None)

EXAMPLE = "such as network: {layers: [100, 100]}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", f"c.yaml:1:1: the file is empty; a config needs a key, {EXAMPLE}"),
        (b"# later\n", f"c.yaml:1:1: the file is empty; a config needs a key, {EXAMPLE}"),
        (b"---\n", f"c.yaml:1:1: the file is empty; a config needs a key, {EXAMPLE}"),
        (
            b"- a\n- b\n",
            f"c.yaml:1:1: this is a list; a config is a mapping of keys to values, {EXAMPLE}",
        ),
        (
            b"hello",
            f'c.yaml:1:1: this is the text "hello"; a config is a mapping of keys to values, '
            f"{EXAMPLE}",
        ),
        (b"\xef\xbb\xbfsead: 1", "c.yaml:1:1: sead: unknown key; did you mean seed?"),
        (b"seed: 1\nname: \xe9t\xe9", "c.yaml:2:7: the byte 0xe9 is not UTF-8 text; save the file "
         "as UTF-8"),
        ("seed: 1".encode("utf-16"), "c.yaml:1:1: the file is UTF-16 text; save it as UTF-8"),
        (b"\x7fELF\x02\x00\x01", "c.yaml:1:6: a byte 0x00: this is not text; is it a YAML file?"),
        (b"seed: 1\r\nname: \x07", "c.yaml:2:7: the character '\\x07' is not text; is this a YAML "
         "file?"),
        (b"#" * 600_000, "c.yaml: the file is too long for a config; allowed: 500,000 bytes"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_config(content, message, mistakes_of):
    assert mistakes_of(content) == [message]


def test_a_missing_file_and_a_folder(own_folder):
    (own_folder / "sub").mkdir()
    for path, message in (
        ("nope.yaml", "nope.yaml: no such file; give the path of a YAML config"),
        ("c\0.yaml", "c\\x00.yaml: cannot be read: "),
        (own_folder / "sub", f"{own_folder / 'sub'}: "),
    ):
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert caught.value.exit_code == 2
        assert str(caught.value).startswith(message)


def test_a_file_that_cannot_be_read(monkeypatch, write):
    def refuse(*_args):
        raise PermissionError(13, "Permission denied", "c.yaml")

    write("seed: 1")
    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(ConfigError, match=r"^c\.yaml: cannot be read: permission denied$"):
        load_config("c.yaml")


def test_thousands_of_mistakes_are_told_in_time_and_in_part(mistakes_of):
    found = mistakes_of("\n".join(f"optimizr{i}: 1" for i in range(5000)))
    assert len(found) == 5000
    with pytest.raises(ConfigMistakesError) as caught:
        load_config("c.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "... and 4,950 more"


@pytest.mark.parametrize("longest", ["seed: 1\n#" + "x" * 490_000, "seed: 1" + "\n" * 490_000])
def test_the_longest_files_are_read_in_time(longest, load):
    started = time.process_time()
    assert load(longest).seed == 1
    assert time.process_time() - started < 2  # some 0.4 s


PIECES = [*"[]{}:,#&*!|>'\"%@? \n\t~=.019aex\\", "- ", "? ", ": ", "&a ", "*a", "!!str ", "---\n",
          "%YAML 1.1\n", "\ufeff", "\u2028", "\\U", "|\n  ", "norm: ", "sweep: {axes: {",
          "init.scale: ", "logspace(", "network: {layers: ", "on", "null"]  # fmt: skip


@STEADY
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_text_is_a_config_or_a_list_of_mistakes(text):
    try:
        assert isinstance(load_text(text), Config)
    except ConfigMistakesError as error:
        assert error.mistakes
        assert all(line.startswith("config:") for line in error.mistakes)
        str(error).encode()


@STEADY
@given(st.text(max_size=40))
def test_any_argument_is_a_value_or_a_mistake(text):
    overrides, axes = [text, f"init.scale={text}"], [text, f"norm={text}"]
    for some, others in ((overrides, []), ([], axes)):
        try:
            assert isinstance(load_config(None, overrides=some, axes=others), Config)
        except ConfigMistakesError as error:
            assert all(line.startswith(("--set ", "--axis ")) for line in error.mistakes)
