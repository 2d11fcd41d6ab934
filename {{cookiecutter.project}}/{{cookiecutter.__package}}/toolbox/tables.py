"""Tables of text: for the terminal, and in Markdown."""

import re

from ..core.errors import printable

# Characters that Markdown, or HTML in it, would read as markup.
ESCAPES = {mark: f"\\{mark}" for mark in "\\`*|~"} | {"&": "&amp;", "<": "&lt;"}
ESCAPES |= dict.fromkeys(("\r\n", "\n", "\r"), "<br>")
NUMBER = re.compile(r"(-?\d+(\.\d+)?(e[+-]\d+)?|null)?")


def to_text_table(columns: dict[str, list[str]]) -> str:
    """Align text to the left and numbers to the right, each column as wide as its longest value."""
    aligned = []
    for heading, values in columns.items():
        lines = [to_printable(value) for value in (heading, *values)]
        width = max(map(len, lines))
        is_number = all(NUMBER.fullmatch(line) for line in lines[1:])
        aligned.append([line.rjust(width) if is_number else line.ljust(width) for line in lines])
    return "\n".join("  ".join(line).rstrip() for line in zip(*aligned, strict=True))


def to_printable(value: str) -> str:
    """The value in one line, with escapes for characters that would control the terminal."""
    line = " ".join(value.splitlines())
    return printable(line)


def to_markdown_table(columns: dict[str, list[str]]) -> str:
    """Write a table of GitHub's Markdown; no name or value is read as Markdown or HTML."""
    pattern = re.compile("|".join(map(re.escape, ESCAPES)))

    def to_line(values: list[str]) -> str:
        return f"| {' | '.join(pattern.sub(lambda match: ESCAPES[match[0]], value) for value in values)} |"

    rows = zip(*columns.values(), strict=True)
    return "\n".join([to_line(list(columns)), to_line(["---"] * len(columns)), *(to_line(list(row)) for row in rows)])


def short_headings(columns: list[str]) -> list[str]:
    """The shortest end of each column's dotted name that no other name ends in."""
    headings = []
    for column in columns:
        parts = column.split(".")
        ends = [".".join(parts[-count:]) for count in range(1, len(parts) + 1)]
        unique = [end for end in ends if sum(f".{name}".endswith(f".{end}") for name in columns) == 1]
        headings.append(unique[0] if unique else column)
    return headings
