"""Read recipes from READMEs and pages, and apply them to a project as a reader would."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Block:
    """A fenced block of Markdown: its language and its text."""

    language: str
    text: str


@dataclass(frozen=True)
class Recipe:
    """A paragraph with a bold title, and the blocks below it."""

    text: str
    blocks: tuple[Block, ...]

    @property
    def commands(self) -> list[str]:
        """The shell commands: of the blocks, then those of DVC within the paragraph."""
        in_blocks = [line for block in self.blocks if block.language == "sh" for line in join_lines(block.text)]
        return in_blocks + re.findall(r"`(dvc [^`]+)`", self.text)


def section(text: str, heading: str) -> str:
    """The text below a heading of level 2, up to the next one."""
    assert f"\n## {heading}\n" in text, f"no section {heading!r}"
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def blocks(text: str) -> tuple[Block, ...]:
    return tuple(
        Block(language, body) for language, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    )


def recipes(text: str) -> dict[str, Recipe]:
    """The recipes of a section by their bold titles, each at the start of a line."""
    parts = re.split(r"^\*\*(.+?)\*\*", text, flags=re.MULTILINE)[1:]
    return {
        title: Recipe(body.partition("```")[0], blocks(body))
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


def indented_commands(text: str) -> list[str]:
    """The commands of a section that are indented by four spaces."""
    code = [line for line in text.splitlines() if line.startswith("    ")]
    return join_lines(textwrap.dedent("\n".join(code)))


def join_lines(text: str) -> list[str]:
    """Commands, a line each: a backslash at the end of a line continues it."""
    return [line for line in re.sub(r" *\\\n *", " ", text).splitlines() if line.strip()]


def apply_diff(block: Block, root: Path) -> None:
    """Add the `+` lines of a block to the files that its `+++` lines name.

    A line goes before the next line of context, or after the last one if none follows. Each line of context has to be
    in the file exactly once. A file without context is made.
    """
    for part in re.split(r"^\+\+\+ ", block.text, flags=re.MULTILINE)[1:]:
        name, *lines = part.splitlines()
        added = [line[1:] for line in lines if line.startswith("+")]
        if len(added) == len(lines):
            (root / name).write_text("\n".join(added) + "\n", encoding="utf-8")
            continue
        content = (root / name).read_text(encoding="utf-8").splitlines()
        waiting: list[str] = []
        place = 0
        for line in lines:
            if line.startswith("+"):
                waiting.append(line[1:])
                continue
            assert line.startswith(" "), f"{name}: {line!r}: neither added nor context"
            assert content.count(line[1:]) == 1, f"{name}: {line!r}: is in the file {content.count(line[1:])} times"
            place = content.index(line[1:])
            content[place:place] = waiting
            place += len(waiting)
            waiting = []
        content[place + 1 : place + 1] = waiting
        (root / name).write_text("\n".join(content) + "\n", encoding="utf-8")
