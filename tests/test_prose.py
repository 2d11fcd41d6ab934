"""Phrases that readers stumbled over stay out of READMEs, docs, YAML, --help, docstrings, comments and messages."""

import argparse
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PACKAGE, PROJECT, TEMPLATE
from example.toolbox.cli import parser

# A pattern, and the advice. Any white space may stand for a space, since lines are wrapped.
BANNED = {
    r"\b(?:that|those) of\b": "repeat the noun",
    r"(?<!here\s)\b(?:is|are|was|were) no\b(?!\slonger\b)": "'is not a', or 'has no'",
    r"\b(?:says?|said|tells?|told)\b": "programs print, report, record, infer, detect or refuse",
    r"\banew\b": "'again'",
    r"\bknobs?\b": "'parameter' or 'hyperparameter'",
    r"(?<!left\s)\balone\b(?=\s*(?:[.,;:()|\"']|$|and\b|or\b))": "'only', before the noun",
    r"\bwhat (?:is|are|was|were)\b(?!\swrong\b)": "name the thing",
    r"(?<![.\w])cells?\b(?!\.)": "'value' or 'field'",
    r"\bhad before\b": "'earlier'",
    r"\bnobody's business\b": "give the reason",
    r"\bmend(?:ed|ing)?\b": "'fix'",
}
PATTERNS = {
    re.compile(banned.replace(" ", r"\s+"), re.IGNORECASE | re.MULTILINE): advice for banned, advice in BANNED.items()
}

# What a pattern matches rightly: file, phrase, reason.
ALLOWED: tuple[tuple[str, str, str], ...] = ()

DOCUMENTS = [
    *(TEMPLATE / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "cookiecutter.json")),
    *sorted((TEMPLATE / "docs").glob("*.md")),
    *(PROJECT / name for name in ("README.md", "params.yaml", "dvc.yaml", "sweep.yaml", "pyproject.toml")),
    *sorted(PACKAGE.rglob("report.*[!y]")),
]
MODULES = [
    *sorted(PACKAGE.rglob("*.py")),
    *sorted((PROJECT / "_generate").glob("*.py")),
    *sorted((PROJECT / "tests").glob("*.py")),
    *sorted((TEMPLATE / "hooks").glob("*.py")),
]


def name(path: Path) -> str:
    return path.relative_to(TEMPLATE).as_posix()


def findings(text: str, where: str, first_line: int = 1) -> list[str]:
    """The banned phrases of a text, with file and line."""
    return [
        f"{where}:{first_line + text.count(chr(10), 0, match.start())}: {' '.join(match[0].split())!r}: {advice}"
        for pattern, advice in PATTERNS.items()
        for match in pattern.finditer(text)
        if (where, match[0]) not in {(file, phrase) for file, phrase, _ in ALLOWED}
    ]


def prose(module: Path) -> Iterator[tuple[int, str]]:
    """The comments and strings of a module, with their first lines."""
    with tokenize.open(module) as file:
        for token in tokenize.generate_tokens(file.readline):
            if tokenize.tok_name[token.type] in ("COMMENT", "STRING", "FSTRING_MIDDLE"):
                yield token.start[0], token.string


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_documents(path):
    found = findings(path.read_text(encoding="utf-8"), name(path))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_docstrings_comments_and_messages(path):
    found = [finding for line, text in prose(path) for finding in findings(text, name(path), line)]
    assert not found, "\n" + "\n".join(found)


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands by name, and of the command line as a whole."""
    root = parser()
    (action,) = (action for action in root._actions if isinstance(action, argparse._SubParsersAction))
    return {"": root, **action.choices}


@pytest.mark.parametrize("command", commands())
def test_help(command):
    found = findings(commands()[command].format_help(), f"{command} --help")
    assert not found, "\n" + "\n".join(found)


def test_what_is_allowed_is_still_there():
    for file, phrase, reason in ALLOWED:
        assert reason
        assert phrase in (TEMPLATE / file).read_text(encoding="utf-8"), f"{file}: {phrase!r} is gone; remove the entry"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\nthe score is\nthat\nof the model", 3), ("What is new", 1), ("It is no number", 1), ("the target alone.", 1)],
)
def test_a_banned_phrase_is_found_with_its_line(text, line):
    (finding,) = findings(text, "file")
    assert finding.startswith(f"file:{line}: ")


@pytest.mark.parametrize("text", ["there is no such file", "it is no longer used", "so that often", "sayings"])
def test_plain_words_pass(text):
    assert findings(text, "file") == []
