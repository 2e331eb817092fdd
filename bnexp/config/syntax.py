"""What PyYAML's scanner and parser complain of, said in words that help to mend the file."""

from __future__ import annotations

import re

import yaml

from bnexp.config.mistakes import shown

_FOUND = re.compile(r"but (?:found|got) '?(.+?)'?$")
_NO_BLANK = re.compile(r"([A-Za-z_][\w.]*):(?!//)(\S.*)")
_CHARACTER = re.compile(r"found character (.+) that cannot start any token")

#: Where the context of an error says enough: part of it -> the remedy.
_CONTEXTS = (
    ("quoted scalar", "the quote opened at {where} is not closed, or closed too late"),
    ("flow sequence", 'the list opened at {where} is not closed or lacks a comma: "]" or ","'),
    ("flow mapping", 'the braces opened at {where} are not closed or lack a comma: "}}" or ","'),
    ("simple key", 'this key has no value; write "key: value"'),
    (
        "block mapping",
        "this line does not fit the keys that begin at {where}; give both one indent",
    ),
    (
        "block collection",
        "this line does not fit the list that begins at {where}; give both one indent",
    ),
    ("alias", '"*" begins an alias; put the value in quotes if it is text'),
    ("anchor", '"&" begins an anchor; put the value in quotes if it is text'),
)


def missing_blank(text: str) -> str | None:
    """Say that a key and its value, such as ``epochs:3``, lack a blank; None of any other text."""
    match = _NO_BLANK.fullmatch(text.partition(" #")[0].rstrip())
    if match is None:
        return None
    key, value = match.groups()
    return f'a blank is missing after "{key}:"; write "{key}: {shown(value)}"'


def explain_syntax(error: yaml.YAMLError, text: str) -> tuple[int, int, str]:
    """Return line and column (from 1) of a syntax error in a text, and what is wrong there."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return 1, 1, f"not YAML: {' '.join(str(error).split())}"
    # PyYAML notices a key without a value only on the next line.
    late = "simple key" in (error.context or "")
    mark = (error.context_mark if late else error.problem_mark) or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return _missing_blank_at(error, text, line) or (line, column, _explain(error))


def _missing_blank_at(
    error: yaml.MarkedYAMLError, text: str, line: int
) -> tuple[int, int, str] | None:
    """Return the place of a blank whose lack shows in ``line``, and what to write; None if none."""
    lines = text.splitlines()[:line]
    problem, context = error.problem or "", error.context or ""
    if "mapping values are not allowed" in problem or "block mapping" in context:
        # The line before was taken for a text.
        lines = lines[:-1]
        while lines and not lines[-1].partition("#")[0].strip():
            lines.pop()
    elif "simple key" not in context:
        return None
    written = lines[-1].lstrip(" -") if lines else ""
    what = missing_blank(written)
    return (len(lines), len(lines[-1]) - len(written) + 1, what) if what else None


def _explain(error: yaml.MarkedYAMLError) -> str:
    problem, context = error.problem or "", error.context or ""
    if character := _CHARACTER.search(problem):
        return _explain_character(character[1])
    if "mapping values are not allowed" in problem:
        return (
            'a ":" is not allowed here: the line before may lack its ":", '
            "the indent may be off, or a text needs quotes"
        )
    if "escape" in problem or "escape" in context:
        return 'an unknown escape after "\\"; use single quotes where a backslash is meant'
    found = _FOUND.search(problem)
    if found and found[1] in ("]", "}") and "block" in context:
        return f'"{found[1]}" closes nothing here, or a value is missing before it'
    if error.context_mark is not None:
        where = f"line {error.context_mark.line + 1}, column {error.context_mark.column + 1}"
        for part, remedy in _CONTEXTS:
            if part in context:
                return remedy.format(where=where)
    if "expected '<document start>'" in problem:
        if error.problem_mark is not None and error.problem_mark.line == 0:
            return "text follows where the value ends; put commas between values"
        return "this line does not belong to the mapping before it; give all keys one indent"
    if found:
        return f'a value is missing before "{found[1]}"'
    return f"not YAML: {' '.join(f'{context} {problem}'.split())}"


def _explain_character(found: str) -> str:
    if found == repr("\t"):
        return "a tab; YAML is indented and spaced with blanks only: replace the tab"
    return f"{found} cannot begin a value; put the value in quotes"
