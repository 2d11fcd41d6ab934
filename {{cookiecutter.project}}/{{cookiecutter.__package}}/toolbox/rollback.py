"""rollback: give a stage back to the version that held it before."""

import json
from argparse import Namespace

from ..errors import UserError
from .registry import artifact, assign, fetch_tags, holders, share


def run(arguments: Namespace) -> None:
    """Assign the stage, and say to what. Raises UserError where no version held it before."""
    name, stage = artifact(), arguments.stage
    if arguments.push:
        fetch_tags()
    held = holders(name, stage)
    if len(held) < 2:
        why = f"no version held it before {held[0]}" if held else "no version holds it"
        raise UserError(f"{name}: {stage}: {why}; python -m {__package__.partition('.')[0]} registry lists them")
    *_, before, now = held
    tag = assign(name, before, stage, f"Rolling {stage} of {name} back from {now} to {before}")
    if arguments.json:
        print(json.dumps({"artifact": name, "stage": stage, "from": now, "to": before, "tag": tag}, indent=2))
    else:
        print(f"{name}: {stage} is {before} again, and was {now}")
    share([tag], arguments.push)
