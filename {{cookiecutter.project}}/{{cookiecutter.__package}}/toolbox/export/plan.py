"""What an export has to do: a comparison of the runs of the project with the runs that a tool has."""

from typing import NamedTuple

from .runs import Run
from .writer import Known


class Plan(NamedTuple):
    """What to do, in this order.

    Attributes:
        adopt: runs that the tool has as running experiments, by their identity there.
        write: runs that are new, or were not written to their end.
        complete: runs that lacked files when they were written.
        update: runs whose name, tags or notes changed.
        end: identities of runs of experiments that stopped without a result.
        remove: identities of runs to mark, since the project no longer has them; with prune to delete.
        same: how many are as they should be.
    """

    adopt: dict[str, Run]
    write: list[Run]
    complete: list[Run]
    update: list[Run]
    end: list[str]
    remove: list[str]
    same: int

    @property
    def size(self) -> int:
        """How many runs there are to change."""
        return len([*self.write, *self.complete, *self.update, *self.end, *self.remove])

    def lines(self, known: dict[str, Known], prune: bool) -> list[str]:
        """A line for each thing to do."""
        word = "delete" if prune else "mark as removed"
        return [
            *(f"add     {run.name} ({run.kind} {run.rev[:7]})" for run in self.write),
            *(f"refill  {run.name} ({run.kind} {run.rev[:7]}): it lacked files" for run in self.complete),
            *(f"update  {run.name} ({run.kind} {run.rev[:7]})" for run in self.update),
            *(f"end     {known[identity].name}" for identity in self.end),
            *(f"{word}  {known[identity].name}" for identity in self.remove),
        ]


def build_plan(runs: list[Run], known: dict[str, Known], existing: set[str], clone: str, prune: bool) -> Plan:
    """Compare the runs of the project with the runs in the tool.

    Args:
        runs: what to export; those that are running are not written, and only keep the tool's run alive.
        known: what the tool has, by identity.
        existing: the commits of all experiments and branches, exported or not.
        clone: this clone of the project; only runs that it wrote may be gone, others may be of another clone.
        prune: whether runs that are marked as removed are to be deleted.
    """
    adopt, write, complete, update = {}, [], [], []
    finished = [run for run in runs if run.state != "running"]
    for run in finished:
        there = known.get(run.identity)
        if there is None and run.live_identity in known:
            adopt[run.live_identity] = run
            write.append(run)
        elif there is None or there.digest is None:
            write.append(run)
        elif there.digest != run.digest or there.is_removed:
            update.append(run)
        if there and there.digest and there.missing:
            complete.append(run)
    alive = {run.live_identity for run in runs}
    own_live = {identity for identity, there in known.items() if there.clone == clone and identity.startswith("live:")}
    ended = [identity for identity in own_live - alive if not known[identity].is_removed]
    own = {identity for identity, there in known.items() if there.clone == clone and not identity.startswith("live:")}
    gone = [identity for identity in own - existing if prune or not known[identity].is_removed]
    same = len(finished) - len({run.identity for run in (*write, *complete, *update)})
    return Plan(adopt, write, complete, update, sorted(ended), sorted(gone), same)
