"""rollback: give a stage back to the version that held it before."""

import json
from argparse import Namespace

from ...core.errors import UserError
from .registry import PROGRAM, artifact, assign, fetch_tags, push_or_print, stage_history


def run(arguments: Namespace) -> None:
    """Assign the stage and print the version. Raises UserError if no version held it before."""
    name, stage = artifact(), arguments.stage
    if arguments.push:
        fetch_tags()
    history = stage_history(name, stage)
    if len(history) < 2:
        reason = f"no version held it before {history[0]}" if history else "no version holds it"
        raise UserError(f"{name}: {stage}: {reason}; {PROGRAM} registry lists the versions")
    before, now = history[-2:]
    tag = assign(name, before, stage, f"Rolling {stage} of {name} back from {now} to {before}")
    if arguments.json:
        print(json.dumps({"artifact": name, "stage": stage, "from": now, "to": before, "tag": tag}, indent=2))
    else:
        print(f"{name}: {stage} is {before} again, and was {now}")
    push_or_print([tag], arguments.push)
