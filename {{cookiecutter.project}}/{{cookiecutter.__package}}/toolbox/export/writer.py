"""What the writers of all tools have in common."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .results import Results
from .runs import Run

if TYPE_CHECKING:
    from .models import ModelParts


class Known(NamedTuple):
    """A run that the tool has.

    Attributes:
        name: as the tool shows it.
        digest: of the run when it was written to its end; None if it was not.
        clone: the clone of the project that wrote it.
        is_removed: whether it is marked as removed.
        missing: how many files were not on the machine that wrote it.
    """

    name: str
    digest: str | None
    clone: str
    is_removed: bool = False
    missing: int = 0


class RegisteredVersion(NamedTuple):
    """A version of the registry of GTO."""

    artifact: str
    version: str
    commit: str
    stages: list[str]
    description: str


class Writer(Protocol):
    """Writes runs to a tool. Each method can be called again after it was killed at any moment."""

    address: str

    def one_line_errors(self) -> AbstractContextManager[None]:
        """Turn errors of the tool and of the network into a UserError of one line."""

    def known(self) -> dict[str, Known]:
        """The runs that are there, by identity."""

    def write(self, run: Run, results: Results) -> None:
        """Write a run, or write again one that was not written to its end."""

    def update(self, run: Run) -> None:
        """Bring the name, the tags and the notes of a run up to date."""

    def adopt(self, identity: str, run: Run) -> None:
        """Make the run of an experiment that was running the run of its commit."""

    def write_steps(self, run: Run, steps: dict[str, list[tuple[int, float]]]) -> None:
        """Write the steps so far of a running experiment."""

    def end_live(self, identity: str) -> None:
        """End the run of an experiment that stopped without a result."""

    def mark_removed(self, identity: str) -> None:
        """Mark a run whose experiment is no longer there."""

    def delete(self, identity: str) -> None:
        """Delete a run."""

    def has_model(self, run: Run) -> bool:
        """Whether the model of a run is there, whole."""

    def write_model(self, run: Run, results: Results, parts: "ModelParts") -> None:
        """Write the model of a run."""

    def write_registry(self, versions: list[RegisteredVersion], prune: bool) -> list[str]:
        """Bring the tool's registry up to date; return what changed, a line each."""

    def close(self) -> None:
        """End what writes in the background."""

    def next_steps(self) -> list[str]:
        """Lines that name the commands to run next."""


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
