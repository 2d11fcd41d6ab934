"""Write runs to Weights & Biases, offline by default: each run is one folder that `wandb sync` uploads.

A folder is written whole. wandb/dvc-export keeps a record of each complete run: a folder that no record names was not
written to its end. A run that changed is written again under the same id, which W&B then shows in place of it.
"""

import json
import os
import re
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from typing import Any, Literal

import wandb

from ...core.errors import UserError
from ...core.files import atomic_write
from ...core.temporary import temporary_folder
from .history import History
from .models import ModelParts, model_parts
from .results import PLOT_AXES, Dataset, Points, Results, read_results
from .runs import Run
from .writer import Known, RegisteredVersion

PREFIX = "dvc-"  # of the ids of our runs
MAX_TAG, MAX_ALIAS = 64, 128
# W&B's chart for each plot, and the names of its fields; another plot is a table.
CHARTS = {
    "confusion": ("wandb/confusion_matrix/v1", {"Actual": "actual", "Predicted": "predicted", "nPredictions": "count"}),
    "importance": ("wandb/bar/v0", {"label": "feature", "value": "importance"}),
    "folds": ("wandb/bar/v0", {"label": "fold", "value": "score"}),
    "predicted": ("wandb/scatter/v0", {"x": "actual", "y": "predicted"}),
    "residuals": ("wandb/scatter/v0", {"x": "predicted", "y": "residual"}),
    "confidence": ("wandb/line/v0", {"x": "threshold", "y": "coverage"}),
} | {
    name: ("wandb/area-under-curve/v0", {"x": PLOT_AXES[name][0], "y": PLOT_AXES[name][1], "class": "class"})
    for name in ("roc", "precision_recall", "calibration")
}


@dataclass(frozen=True)
class Record:
    """A run that was written.

    Attributes:
        run_id: W&B's; it stays when the identity changes.
        folder: the last folder of the run, in wandb/.
        run: as it was written; None while it is running.
        missing: how many files were not on this machine.
        aliases: of the model artifact; None if the model was not written.
    """

    identity: str
    run_id: str
    folder: str
    clone: str
    run: Run | None = None
    missing: int = 0
    aliases: list[str] | None = None
    is_removed: bool = False


def open_writer(arguments: Namespace, project: str, clone: str) -> "WandbWriter":
    """The writer for --project and --entity, or WANDB_PROJECT and WANDB_ENTITY."""
    return WandbWriter(
        arguments.project or os.environ.get("WANDB_PROJECT") or project,
        arguments.entity or os.environ.get("WANDB_ENTITY"),
        project,
        clone,
        is_dry=arguments.dry_run,
    )


class WandbWriter:
    """The runs of one W&B project, in the folder wandb/ of this project or of WANDB_DIR."""

    def __init__(self, project: str, entity: str | None, package: str, clone: str, is_dry: bool) -> None:
        """Read the records, and remove unfinished folders. Raises UserError for WANDB_MODE=disabled."""
        self.project, self.entity, self.package, self.clone = project, entity, package, clone
        self.mode = read_mode()
        self.folder = Path(os.environ.get("WANDB_DIR", "."), "wandb")
        self.records_folder = self.folder / "dvc-export" / "_".join(filter(None, [entity, project]))
        self.address = f"wandb: {'/'.join(filter(None, [entity, project]))} ({self.mode})"
        self.records = {record.identity: record for record in map(read_record, self.records_folder.glob("*.json"))}
        self._live: dict[str, wandb.Run] = {}
        self._last_steps: dict[str, int] = {}
        # Where wandb keeps files until they are uploaded; by default in the home folder.
        os.environ.setdefault("WANDB_DATA_DIR", str(self.folder.resolve() / "dvc-staging"))
        if not is_dry:
            self._remove_unfinished()

    def one_line_errors(self) -> AbstractContextManager[None]:
        """Turn an error of the tool or of the network into a UserError of one line."""
        return one_line_errors(self.address)

    def known(self) -> dict[str, Known]:
        """The runs that were written, by identity."""
        return {
            identity: Known(
                name=record.run.name if record.run else identity,
                digest=record.run.digest if record.run else None,
                clone=record.clone,
                is_removed=record.is_removed,
                missing=record.missing,
            )
            for identity, record in self.records.items()
        }

    def _remove_unfinished(self) -> None:
        """Remove folders of our runs that no record names: an export was killed while it wrote them."""
        named = {record.folder for record in read_all_records(self.folder / "dvc-export")}
        for folder in self.folder.glob(f"*run-*-{PREFIX}*"):
            if folder.name not in named:
                shutil.rmtree(folder)

    def write(self, run: Run, results: Results) -> None:
        """Write a run."""
        self._write(run, results, None)

    def update(self, run: Run) -> None:
        """Write a run again, with its model if it had one."""
        record = self.records[run.identity]
        with self._parts_of(record) as parts, History() as history:
            self._write(run, read_results(history, run), parts, aliases=record.aliases)

    def _parts_of(self, record: Record) -> Any:
        if record.run is None or record.aliases is None:
            return nullcontext()
        return model_parts(record.run.rev)

    def adopt(self, identity: str, run: Run) -> None:
        """Make the run of an experiment that was running the run of its commit."""
        if identity in self._live:
            self._live.pop(identity).finish()
        record = self.records.pop(identity)
        self._save(replace(record, identity=run.identity))
        self._record_path(identity).unlink(missing_ok=True)

    def mark_removed(self, identity: str) -> None:
        """Write a run again with the tag `removed`, as long as Git has its commit."""
        record = self.records[identity]
        with History() as history:
            if record.run and history.read(record.run.rev, "dvc.yaml") is not None:
                with self._parts_of(record) as parts:
                    results = read_results(history, record.run)
                    self._write(record.run, results, parts, aliases=record.aliases, extra_tags=["removed"])
        self._save(replace(self.records[identity], is_removed=True))

    def end_live(self, identity: str) -> None:
        """End the run of an experiment that stopped without a result."""
        if identity in self._live:
            self._live.pop(identity).finish(exit_code=1)
        self._save(replace(self.records[identity], is_removed=True))

    def delete(self, identity: str) -> None:
        """Delete a run on this machine; an uploaded run stays at W&B, which is reported."""
        record = self.records.pop(identity)
        if self._is_uploaded(record.folder):
            print(f"note: run {record.run_id} was uploaded; delete it in W&B too", file=sys.stderr)
        shutil.rmtree(self.folder / record.folder, ignore_errors=True)
        self._record_path(identity).unlink(missing_ok=True)

    def write_steps(self, run: Run, steps: dict[str, list[tuple[int, float]]]) -> None:
        """Log the new steps of a running experiment; its W&B run stays open."""
        if run.identity not in self._live:
            self._live[run.identity] = self._init(run, self._run_id(run.identity), [])
            folder = Path(self._live[run.identity].dir).parent.name
            self._save(Record(run.identity, self._run_id(run.identity), folder, self.clone))
        last = self._last_steps.get(run.identity, -1)
        for step, values in by_step(steps).items():
            if step > last:
                self._live[run.identity].log(values, step=step, commit=True)
                self._last_steps[run.identity] = step

    def has_model(self, run: Run) -> bool:
        """Whether the run's model was written."""
        record = self.records.get(run.identity)
        return record is not None and record.aliases is not None

    def write_model(self, run: Run, results: Results, parts: ModelParts) -> None:
        """Write a run again, with its model as an artifact."""
        self._write(run, results, parts, aliases=[])

    def write_registry(self, versions: list[RegisteredVersion], prune: bool) -> list[str]:
        """Write the runs of registered models again if their aliases changed: the version, and its stages."""
        wanted: dict[str, list[str]] = {}
        for version in versions:
            aliases = [clean_alias(alias) for alias in (version.version, *version.stages)]
            wanted.setdefault(version.commit, []).extend(aliases)
        changes = []
        for record in list(self.records.values()):
            aliases = wanted.get(record.identity, [])
            if record.run is None or record.aliases is None or record.is_removed:
                continue
            if record.aliases != aliases:
                self.records[record.identity] = replace(record, aliases=aliases)
                self.update(record.run)
                changes.append(f"{record.run.name}: {', '.join(aliases) or 'no alias'}")
        return changes

    def close(self) -> None:
        """Finish the runs that are open."""
        for run in self._live.values():
            run.finish(exit_code=1)
        self._live.clear()

    def next_steps(self) -> list[str]:
        """The command that uploads the runs."""
        if self.mode == "online":
            return []
        where = f"{self.folder}/offline-run-*" if "WANDB_DIR" in os.environ else "--yes"
        return [f"to upload them: wandb sync {where}"]

    # --- One run ------------------------------------------------------------------------------------------------------

    def _write(
        self,
        run: Run,
        results: Results,
        parts: ModelParts | None,
        aliases: list[str] | None = None,
        extra_tags: list[str] | None = None,
    ) -> None:
        """Write a folder with all of a run, then the record, then remove the folder that it replaces."""
        old = self.records.get(run.identity)
        run_id = old.run_id if old else self._run_id(run.identity)
        live = self._init(run, run_id, extra_tags or [])
        folder = Path(live.dir).parent.name
        log_history(live, run, results)
        log_charts(live, results.plots, run.end)
        log_artifacts(live, self.package, results, parts, aliases or [])
        live.finish(exit_code=int(run.state == "failed"))
        missing = len(results.missing)
        self._save(Record(run.identity, run_id, folder, self.clone, run, missing, aliases if parts else None))
        if old and old.folder != folder and not self._is_uploaded(old.folder):
            shutil.rmtree(self.folder / old.folder, ignore_errors=True)

    def _init(self, run: Run, run_id: str, extra_tags: list[str]) -> "wandb.Run":
        settings = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_meta=True,
            git_commit=run.rev,
        )
        live = wandb.init(
            project=self.project,
            entity=self.entity,
            id=run_id,
            name=run.name,
            notes=run.notes,
            tags=[tag[:MAX_TAG] for tag in [run.kind, run.tags.get("dvc.purpose"), *extra_tags] if tag],
            group=run.tags.get("dvc.parent", "")[:7] or None,
            job_type=run.kind,
            config=build_config(run),
            dir=self.folder.parent,
            mode=self.mode,
            reinit="create_new",
            resume="allow" if self.mode == "online" else None,
            settings=settings,
        )
        # W&B has no setting for the start, only its own clock; the next record of the run takes it from here.
        live._start_time = run.start
        live.notes = run.notes
        return live

    def _run_id(self, identity: str) -> str:
        name = (
            identity if not identity.startswith("live:") else md5(identity.encode(), usedforsecurity=False).hexdigest()
        )
        return f"{PREFIX}{name[:16]}"

    def _is_uploaded(self, folder: str) -> bool:
        return not folder.startswith("offline-") or any((self.folder / folder).glob("*.synced"))

    def _record_path(self, identity: str) -> Path:
        return self.records_folder / f"{md5(identity.encode(), usedforsecurity=False).hexdigest()}.json"

    def _save(self, record: Record) -> None:
        self.records[record.identity] = record
        with atomic_write(self._record_path(record.identity)) as temporary:
            temporary.write_text(json.dumps(asdict(record)), encoding="utf-8")


def read_record(path: Path) -> Record:
    """A record of a run that was written."""
    content = json.loads(path.read_text(encoding="utf-8"))
    run = content.pop("run")
    return Record(run=run and Run(**run), **content)


def read_all_records(folder: Path) -> Iterator[Record]:
    """The records of all projects of W&B."""
    yield from map(read_record, folder.glob("*/*.json"))


def read_mode() -> Literal["offline", "online"]:
    """WANDB_MODE, by default offline. Raises UserError for a mode that writes nothing."""
    mode = os.environ.get("WANDB_MODE", "offline")
    if mode == "online":
        return "online"
    if mode == "offline":
        return "offline"
    raise UserError(f"WANDB_MODE: {mode!r}: writes nothing; use offline or online")


@contextmanager
def one_line_errors(address: str) -> Iterator[None]:
    """Turn an error of W&B or of the network into a UserError of one line."""
    try:
        yield
    except (wandb.Error, OSError) as error:
        raise UserError(f"{address}: {' '.join(str(error).split())[:300]}") from error


def build_config(run: Run) -> dict[str, Any]:
    """The params as nested mappings with their types, and what DVC knows of the run."""
    config: dict[str, Any] = {}
    for name, value in run.params.items():
        *sections, key = name.split(".")
        place = config
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    facts = {name.removeprefix("dvc.").replace(".", "_"): value for name, value in run.tags.items()}
    times = {"start": run.start, "end": run.end}
    return config | {
        "dvc": facts | {name: datetime.fromtimestamp(time, UTC).isoformat() for name, time in times.items()}
    }


def by_step(steps: dict[str, list[tuple[int, float]]]) -> dict[int, dict[str, float]]:
    """The values of all metrics at each step, in the order of the steps."""
    values: dict[int, dict[str, float]] = {}
    for name, pairs in steps.items():
        for step, value in pairs:
            values.setdefault(step, {})[name] = value
    return dict(sorted(values.items()))


def log_history(live: "wandb.Run", run: Run, results: Results) -> None:
    """Log the curves, with the time of the run's end, and the metrics as its summary."""
    for step, values in by_step(results.steps).items():
        live.log(values | {"_timestamp": run.end}, step=step, commit=True)
    live.summary.update(run.metrics)


def log_charts(live: "wandb.Run", plots: dict[str, Points], end: float) -> None:
    """Log each plot as W&B's own chart, or as a table if it has none."""
    charts = {name: build_chart(name, points) for name, points in plots.items()}
    if charts:
        live.log(charts | {"_timestamp": end})


def build_chart(name: str, points: Points) -> Any:
    """W&B's chart of a plot."""
    columns = list(dict.fromkeys(key for point in points for key in point))
    table = wandb.Table(columns=[*columns], data=[[point.get(column) for column in columns] for point in points])
    if name not in CHARTS:
        return table
    chart, fields = CHARTS[name]
    x, y = PLOT_AXES[name]
    titles = {"title": name.replace("_", " "), "x-axis-title": x, "y-axis-title": y}
    return wandb.plot_table(
        chart, table, {field: column for field, column in fields.items() if column in columns}, titles
    )


def log_artifacts(
    live: "wandb.Run", package: str, results: Results, parts: ModelParts | None, aliases: list[str]
) -> None:
    """Log the data that the run used, without its rows, the small files, and the model with its schema and params."""
    with temporary_folder() as folder:
        for path, content in results.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if results.dataset:
            use_dataset(live, build_dataset(results.dataset, folder))
        if results.files:
            small = wandb.Artifact(f"{package}-results-{live.id}", "results")
            for path in results.files:
                small.add_file(str(Path(folder, path)), path, policy="mutable", skip_cache=True)
            live.log_artifact(small)
        if parts:
            metadata = {"data_md5": results.dataset.md5} if results.dataset else {}
            model = wandb.Artifact(clean_name(package), "model", metadata=metadata)
            for file in sorted(parts.model.iterdir()):
                model.add_file(str(file), file.name, policy="mutable", skip_cache=True)
            live.log_artifact(model, aliases=aliases)


def use_dataset(live: "wandb.Run", dataset: "wandb.Artifact") -> None:
    """Make the dataset an input of the run.

    wandb refuses use_artifact offline, since it may need the server. For an artifact that was never uploaded it does no
    more than this call, which works offline: the upload makes the artifact, and then the link.
    """
    live._log_artifact(dataset, aliases=[], is_user_created=True, use_after_commit=True)


def build_dataset(dataset: Dataset, files: Path) -> "wandb.Artifact":
    """The raw table as an artifact: its MD5 and path, the schema and the profile."""
    metadata = {"md5": dataset.md5, "path": dataset.path}
    artifact = wandb.Artifact(clean_name(dataset.name), "dataset", metadata=metadata)
    with artifact.new_file("dataset.json") as file:
        json.dump(metadata, file)
    for path in ("data/prepared/schema.json", "data/prepared/profile.json"):
        if (files / path).exists():
            artifact.add_file(str(files / path), Path(path).name, policy="mutable", skip_cache=True)
    return artifact


def clean_name(text: str) -> str:
    """The text with the characters that W&B allows in names of artifacts."""
    return re.sub(r"[^\w.-]", "_", text, flags=re.ASCII)[:MAX_ALIAS]


def clean_alias(text: str) -> str:
    return re.sub(r"[/:]", "_", text)[:MAX_ALIAS]
