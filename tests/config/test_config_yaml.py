import time

import pytest

from bnexp.config.mistakes import ConfigMistakesError, Mark, Mistakes
from bnexp.config.nodes import ListNode, MapNode, Scalar, plain
from bnexp.config.yaml import MAX_NODES, read_yaml

TAB = "a tab; YAML is indented and spaced with blanks only: replace the tab"


def read(text):
    mistakes = Mistakes()
    node = read_yaml(text, lambda line, column: Mark("f", line, column), mistakes)
    mistakes.raise_if_any()
    return node


def mistakes_of(text):
    seconds = []
    for _ in range(3):  # the machine may be busy with other things
        started = time.process_time()
        with pytest.raises(ConfigMistakesError) as caught:
            read(text)
        seconds.append(time.process_time() - started)
        if seconds[-1] < 1:
            break
    assert min(seconds) < 1
    return list(caught.value.mistakes)


def test_plain_values():
    text = "a: {b: [1, 1e-4, 'x', on, ~], c: !!str 012}\nd:\n  - - .5\n  - e: \"1\"\n"
    assert plain(read(text)) == {
        "a": {"b": [1, 1e-4, "x", True, None], "c": "012"},
        "d": [[0.5], {"e": "1"}],
    }


def test_every_key_and_value_has_its_place():
    root = read("a: 1\nlong:\n  - x\n  -   {k: v}\n")
    assert isinstance(root, MapNode)
    first, second = root.entries
    assert (str(first.mark), str(first.value.mark)) == ("f:1:1", "f:1:4")
    assert (str(second.mark), str(second.value.mark)) == ("f:2:1", "f:3:3")
    assert isinstance(second.value, ListNode)
    word, mapping = second.value.items
    assert isinstance(mapping, MapNode)
    assert str(word.mark) == "f:3:5"
    assert (str(mapping.entries[0].mark), str(mapping.entries[0].value.mark)) == ("f:4:8", "f:4:11")


def test_tags_of_the_core_are_kept():
    values = plain(read('[!!int "3", !!float 2, !!bool on, !!null ~, !!str 1, !!seq [], ! 7]'))
    assert values == [3, 2.0, True, None, "1", [], "7"]
    assert type(values[1]) is float


def test_an_alias_is_its_value():
    assert plain(read("a: &x [1, 2]\nb: *x\nc: [*x, *x]")) == {
        "a": [1, 2],
        "b": [1, 2],
        "c": [[1, 2], [1, 2]],
    }


def test_text_is_kept_as_written():
    node = read("1_000")
    assert isinstance(node, Scalar)
    assert (node.text, node.value, node.quoted) == ("1_000", 1000, False)


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n"])
def test_no_document(text):
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a:\n\tb: 1",
            "f:2:1: a tab; YAML is indented and spaced with blanks only: replace the tab",
        ),
        ("a:\tb", "f:1:3: a tab; YAML is indented and spaced with blanks only: replace the tab"),
        ("a: @x", "f:1:4: '@' cannot begin a value; put the value in quotes"),
        (
            "a: b: c",
            'f:1:5: a ":" is not allowed here: the line before may lack its ":", the indent may be '
            "off, or a text needs quotes",
        ),
        ("a:\n  b:c\n  d: 1", 'f:2:3: a blank is missing after "b:"; write "b: c"'),
        ("a:\n  b:c # d:e\n\n # f\n  d: 1", 'f:2:3: a blank is missing after "b:"; write "b: c"'),
        ("a:\n  b: 1\n  c_d:2\ne: 1", 'f:3:3: a blank is missing after "c_d:"; write "c_d: 2"'),
        ("a:\n  b: 1\n  c_d:2", 'f:3:3: a blank is missing after "c_d:"; write "c_d: 2"'),
        ("a:\n  - b:1\n    c: 2", 'f:2:5: a blank is missing after "b:"; write "b: 1"'),
        ("a: 1\nhttp://b\n", 'f:2:1: this key has no value; write "key: value"'),
        ("a: 1\nb\n", 'f:2:1: this key has no value; write "key: value"'),
        (
            "a: 1\n- b",
            "f:2:1: this line does not fit the keys that begin at line 1, column 1; "
            "give both one indent",
        ),
        (
            " a: 1\nb: 2",
            "f:2:1: this line does not belong to the mapping before it; give all keys one indent",
        ),
        (
            "a: [1, 2\nb: 3",
            'f:2:2: the list opened at line 1, column 4 is not closed or lacks a comma: "]" or ","',
        ),
        (
            "a: {x: 1\nb: 3",
            "f:2:2: the braces opened at line 1, column 4 are not closed or lack a comma: "
            '"}" or ","',
        ),
        (
            'a: "x\nb: 1',
            "f:2:5: the quote opened at line 1, column 4 is not closed, or closed too late",
        ),
        ("a: [1,,2]", 'f:1:7: a value is missing before ","'),
        ("a: 1\n}", 'f:2:1: "}" closes nothing here, or a value is missing before it'),
        (
            r'a: "\q"',
            'f:1:6: an unknown escape after "\\"; use single quotes where a backslash is meant',
        ),
        (
            r'a: "\UFFFFFFFF"',
            'f:1:1: a number after "\\U" or "%YAML" is out of range here',
        ),
        ("a: *", 'f:1:5: "*" begins an alias; put the value in quotes if it is text'),
        ("a: *x", "f:1:4: the alias *x has no anchor &x before it"),
        ("a: &x [1, *x]", "f:1:11: the alias *x contains itself; write the value out"),
        ("a: &x 1\nb: &x [*x]", "f:2:8: the alias *x contains itself; write the value out"),
        (
            "a: 1\n---\nb: 2",
            "f:2:1: a second document begins here; a config is one: remove this ---",
        ),
        ("? [a]\n: 1", "f:1:3: a list or mapping cannot be a key; write a word"),
        ("a: !!int x", "f:1:4: x is not what the tag !!int says"),
        ("a: !!set {}", "f:1:4: the tag !!set is refused; allowed: no tag, or !!map"),
        (
            "a: !!python/object/apply:os.system [x]",
            "f:1:4: the tag !!python/object/apply:os.system is refused; allowed: no tag, or !!seq",
        ),
        (
            "a: !mine 1",
            "f:1:4: the tag !mine is refused; allowed: no tag, or !!null, !!bool, !!int, !!float, "
            "!!str",
        ),
    ],
)
def test_one_clear_message(text, message):
    assert mistakes_of(text) == [message]


def test_duplicate_keys_are_told_with_both_places():
    assert mistakes_of("a: 1\nb: {c: 1,\n    c: 2}\na: 3\na: 4\n") == [
        "f:3:5: c: this key stands twice, first at line 2, column 5; keep one",
        "f:4:1: a: this key stands twice, first at line 1, column 1; keep one",
        "f:5:1: a: this key stands twice, first at line 1, column 1; keep one",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[" * 3000, "f:1:33"),
        ("[" * 3000 + "]" * 3000, "f:1:33"),
        ("[a, " * 3000, "f:1:129"),
        ("{a: " * 3000, "f:1:129"),
        ("- " * 3000, "f:1:65"),
        ("? " * 3000, "f:1:65"),
        ("".join(" " * level + "a:\n" for level in range(3000)), "f:33:33"),
    ],
)
def test_deep_nesting_is_refused_at_once(text, place):
    assert mistakes_of(text) == [f"{place}: nested too deep; allowed: 32 levels"]


def test_32_levels_are_read():
    assert plain(read("[" * 32 + "]" * 32)) is not None


def test_nesting_by_aliases_counts():
    chain = ["a0: &a0 [1]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 40)]
    assert mistakes_of("\n".join(chain)) == ["f:32:12: nested too deep; allowed: 32 levels"]


def test_alias_bomb():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for name, inner in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{inner}'] * 10)}]")
    (message,) = mistakes_of("\n".join(lines))
    assert message.startswith("f:5:")
    assert message.endswith(": too many values; allowed: 25,000, aliases written out")


def test_many_values_are_refused_at_once():
    (message,) = mistakes_of("a: [" + "1," * 100_000 + "]")
    assert message.endswith("too many values; allowed: 25,000, aliases written out")


def test_as_many_values_as_allowed_are_read():
    # The list itself counts as one.
    started = time.process_time()
    assert len(plain(read("[" + "1," * (MAX_NODES - 1) + "]"))) == MAX_NODES - 1
    assert time.process_time() - started < 3
