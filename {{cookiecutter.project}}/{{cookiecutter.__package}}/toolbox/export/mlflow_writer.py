"""Write runs to MLflow: a run is found again by its tag, and a complete run has its digest as another tag."""

import json
import logging
import os
import re
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import (
    DatasetInput,
    InputTag,
    LoggedModel,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    RunTag,
)
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine
from mlflow.utils.validation import (
    MAX_ENTITY_KEY_LENGTH,
    MAX_METRICS_PER_BATCH,
    MAX_PARAM_VAL_LENGTH,
    MAX_PARAMS_TAGS_PER_BATCH,
    MAX_TAG_VAL_LENGTH,
)

from ...core.errors import UserError
from ...core.files import atomic_write
from ...core.formatting import to_json_text
from ...core.temporary import temporary_folder
from . import mlflow_model
from .mlflow_registry import MlflowRegistry
from .models import ModelParts
from .pictures import write_pictures
from .results import Dataset, Points, Results
from .runs import Run
from .writer import Known, RegisteredVersion, chunks

DEFAULT_URI = "sqlite:///mlflow.db"
IDENTITY, DIGEST, CLONE, MISSING, REMOVED = "dvc.run", "dvc.export", "dvc.clone", "dvc.missing", "dvc.removed"
OWN_TAGS = {IDENTITY, DIGEST, CLONE, MISSING, REMOVED}
STATUS = {"done": "FINISHED", "failed": "FAILED", "running": "RUNNING"}
SPEC_TYPES = {"number": "double", "date": "string", "category": "string", "text": "string"}
PAGE = 1000


def open_writer(arguments: Namespace, project: str, clone: str) -> "MlflowWriter":
    """The writer for --uri, MLFLOW_TRACKING_URI, or a database beside the project."""
    quiet_loggers()
    address = arguments.uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    return MlflowWriter(address, project, clone, may_create=not arguments.dry_run)


def quiet_loggers() -> None:
    """MLflow and Alembic report each table that they create."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def make_database(path: str) -> None:
    """Make MLflow's tables in a new database, which is whole or not there: MLflow cannot open one that a kill left."""
    with atomic_write(path) as temporary:
        engine = create_sqlalchemy_engine(f"sqlite:///{temporary}")
        _initialize_tables(engine)  # it has no public name
        engine.dispose()
        if Path(path).exists():
            raise UserError(f"{path}: another export made it at the same time; run this again")


class MlflowWriter:
    """The runs of one MLflow experiment.

    Attributes:
        client: MLflow's own.
        experiment_id: of the MLflow experiment.
        address: the tracking URI, for messages.
    """

    def __init__(self, address: str, project: str, clone: str, may_create: bool) -> None:
        """Open the store. Raises UserError if it cannot be reached."""
        self.address, self.project, self.clone = address, project, clone
        self.experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or project
        self.experiment_id: str | None = None
        self._run_ids: dict[str, str] = {}
        self._model_ids: dict[str, str] | None = None
        self._sent: dict[str, int] = {}  # metrics of running experiments
        path = address.removeprefix("sqlite:///")
        self.is_local = path != address
        if not may_create and self.is_local and not Path(path).exists():
            return  # a dry run makes no database
        if not self.is_local:  # report soon that a server is away
            os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        with one_line_errors(address):
            if self.is_local and not Path(path).exists():
                make_database(path)
            self.client = MlflowClient(address, os.environ.get("MLFLOW_REGISTRY_URI") or address)
            self._open_experiment(may_create)

    def _open_experiment(self, may_create: bool) -> None:
        experiment = self.client.get_experiment_by_name(self.experiment)
        if experiment and experiment.lifecycle_stage == "deleted":
            raise UserError(
                f"{self.address}: the MLflow experiment {self.experiment!r} is deleted; restore it, "
                "or set MLFLOW_EXPERIMENT_NAME"
            )
        if experiment:
            self.experiment_id = experiment.experiment_id
        elif may_create:
            self.experiment_id = self.client.create_experiment(self.experiment)

    def one_line_errors(self) -> AbstractContextManager[None]:
        """Turn an error of the tool or of the network into a UserError of one line."""
        return one_line_errors(self.address)

    def known(self) -> dict[str, Known]:
        """The runs in MLflow by identity; the first of several with the same."""
        result: dict[str, Known] = {}
        for run in self._search():
            tags = run.data.tags
            identity = tags[IDENTITY]
            if identity in result:
                continue
            self._run_ids[identity] = run.info.run_id
            result[identity] = Known(
                digest=tags.get(DIGEST),
                clone=tags.get(CLONE, ""),
                is_removed=REMOVED in tags,
                missing=int(tags.get(MISSING, 0)),
                name=run.info.run_name,
            )
        return result

    def _search(self) -> Iterator[MlflowRun]:
        if self.experiment_id is None:  # a dry run before the first export
            return
        token, has_more = None, True
        while has_more:
            page = self.client.search_runs(
                [self.experiment_id],
                f"tags.`{IDENTITY}` != ''",
                max_results=PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            yield from page
            token = page.token
            has_more = bool(token)

    def run_id(self, identity: str) -> str | None:
        """MLflow's id of a run, None if it is not there."""
        return self._run_ids.get(identity)

    def write(self, run: Run, results: Results) -> None:
        """Write a run, or write again one that was not written to its end. The digest comes last."""
        run_id = self._run_ids.get(run.identity) or self._create(run)
        if results.dataset:
            described = InputTag("mlflow.data.context", "training")
            self.client.log_inputs(run_id, [DatasetInput(build_dataset(results.dataset), [described])])
        self._log_files(run_id, results)
        tables = [{"path": f"plots/{name}.json", "type": "table"} for name in results.plots]
        tags = {"mlflow.loggedArtifacts": json.dumps(tables)} if tables else {}
        if run.state != "running":
            self.client.set_terminated(run_id, STATUS[run.state], milliseconds(run.end))
            tags |= {MISSING: str(len(results.missing)), DIGEST: run.digest}
        self._log(run_id, run.params, build_metrics(run, results.steps), tags)

    def _create(self, run: Run) -> str:
        tags = {IDENTITY: run.identity, CLONE: self.clone} | self._tags(run)
        created = self.client.create_run(self._opened(), milliseconds(run.start), tags, run.name)
        self._run_ids[run.identity] = created.info.run_id
        return created.info.run_id

    def _opened(self) -> str:
        assert self.experiment_id is not None, "only a dry run makes no experiment, and it writes nothing"
        return self.experiment_id

    def _tags(self, run: Run) -> dict[str, str]:
        """The tags of a run, MLflow's own among them."""
        tags = run.tags | {
            "mlflow.note.content": run.notes,
            "mlflow.user": run.tags.get("dvc.author", "").partition(" <")[0],
            "mlflow.source.name": self.project,
            "mlflow.source.type": "PROJECT",
            "mlflow.source.git.commit": run.rev,
        }
        return {key: shorten(value, MAX_TAG_VAL_LENGTH) for key, value in tags.items() if value}

    def _log(
        self, run_id: str, params: dict[str, Any], metrics: Iterable[Metric] = (), tags: dict[str, str] | None = None
    ) -> None:
        """Log in as few batches as MLflow allows. It writes the tags of a batch last; ours end in the last batch."""
        batches = zip_longest(
            *(
                reversed(list(chunks(entities, limit)))
                for entities, limit in (
                    (metrics, MAX_METRICS_PER_BATCH - 2 * MAX_PARAMS_TAGS_PER_BATCH),
                    (build_params(params), MAX_PARAMS_TAGS_PER_BATCH),
                    ([RunTag(key, value) for key, value in (tags or {}).items()], MAX_PARAMS_TAGS_PER_BATCH),
                )
            ),
            fillvalue=(),
        )
        for some_metrics, some_params, some_tags in reversed(list(batches)):
            self.client.log_batch(run_id, some_metrics, some_params, some_tags, synchronous=True)

    def _log_files(self, run_id: str, results: Results) -> None:
        """The files at their own paths, and each plot as a table that MLflow can show."""
        if not results.files:
            return
        with temporary_folder() as folder:
            for path, content in results.files.items():
                write_bytes(folder / "files" / path, content)
            for name, points in results.plots.items():
                write_bytes(folder / "plots" / f"{name}.json", json.dumps(build_table(points)).encode())
            self.client.log_artifacts(run_id, str(folder))

    def update(self, run: Run) -> None:
        """Bring name, tags and notes of a run up to date. The digest comes last."""
        run_id = self._run_ids[run.identity]
        stored = self.client.get_run(run_id)
        tags = self._tags(run)
        ours = {key for key in stored.data.tags if key.startswith("dvc.")} - OWN_TAGS
        for key in [*(ours - tags.keys()), *({REMOVED} & stored.data.tags.keys())]:
            self.client.delete_tag(run_id, key)
        if stored.info.run_name != run.name:
            self.client.update_run(run_id, name=run.name)
        self._log(run_id, {}, tags=tags | {DIGEST: run.digest})

    def adopt(self, identity: str, run: Run) -> None:
        """Make the run of an experiment that was running the run of its commit."""
        run_id = self._run_ids.pop(identity)
        self._run_ids[run.identity] = run_id
        self._log(run_id, {}, tags={IDENTITY: run.identity, CLONE: self.clone} | self._tags(run))

    def mark_removed(self, identity: str) -> None:
        """Mark a run whose experiment is no longer there."""
        self.client.set_tag(self._run_ids[identity], REMOVED, "true")

    def end_live(self, identity: str) -> None:
        """End a run whose experiment stopped without a result."""
        self.client.set_terminated(self._run_ids[identity], "KILLED")
        self.mark_removed(identity)

    def delete(self, identity: str) -> None:
        """Delete a run; MLflow keeps it in its bin."""
        self.client.delete_run(self._run_ids.pop(identity))

    def write_steps(self, run: Run, steps: dict[str, list[tuple[int, float]]]) -> None:
        """Write the steps of a running experiment that are new."""
        run_id = self._run_ids.get(run.identity)
        if run_id is None:
            run_id = self._create(run)
            self._log(run_id, run.params)
        metrics = list(build_metrics(run, steps))
        sent = self._sent.get(run.identity, 0)
        if len(metrics) > sent:
            self._log(run_id, {}, metrics)
            self._sent[run.identity] = len(metrics)

    def has_model(self, run: Run) -> bool:
        """Whether the run's model was written to its end."""
        return self._model_id(run.identity) is not None

    def _model_id(self, identity: str) -> str | None:
        """MLflow's id of the model of a run. One that a kill left half-written is not READY."""
        return self._ready_models().get(identity)

    def _ready_models(self) -> dict[str, str]:
        """MLflow's ids of the models by commit, which are read once."""
        if self._model_ids is None:
            self._model_ids = {model.tags["dvc.commit"]: model.model_id for model in self._search_models()}
        return self._model_ids

    def _search_models(self) -> Iterator[LoggedModel]:
        if self.experiment_id is None:  # a dry run before the first export
            return
        token, has_more = None, True
        while has_more:
            page = self.client.search_logged_models([self.experiment_id], page_token=token)
            yield from (
                model for model in page if "dvc.commit" in model.tags and model.status == LoggedModelStatus.READY
            )
            token = page.token
            has_more = bool(token)

    def write_model(self, run: Run, results: Results, parts: ModelParts) -> None:
        """Write the model of a run, with its metrics, and pictures of its plots."""
        run_id = self._run_ids[run.identity]
        with temporary_folder() as folder:
            write_pictures(results.plots, folder)
            self.client.log_artifacts(run_id, str(folder), "plots")
        model = self.client.create_logged_model(
            self._opened(),
            name=self.project,
            source_run_id=run_id,
            tags={"dvc.commit": run.rev, "dvc.data.md5": run.tags.get("dvc.data.md5", "")},
            params={param.key: param.value for param in build_params(run.params)},
            model_type="scikit-learn",
        )
        with temporary_folder() as folder:
            path = folder / "model"
            mlflow_model.save(path, parts, model.model_id, run_id)
            self.client.log_model_artifacts(model.model_id, str(path))
        self._link_metrics(run, results, model.model_id)
        self.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        self.client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        self._ready_models()[run.identity] = model.model_id

    def _link_metrics(self, run: Run, results: Results, model_id: str) -> None:
        """Give the model the last value of each metric of its run, so that MLflow can sort models by it."""
        last = {metric.key: metric for metric in build_metrics(run, results.steps)}
        linked = [Metric(m.key, m.value, m.timestamp, m.step, model_id=model_id) for m in last.values()]
        self._log(self._run_ids[run.identity], {}, linked)

    def write_registry(self, versions: list[RegisteredVersion], prune: bool) -> list[str]:
        """Make a model version of each version of GTO, and an alias of each of its stages."""
        changes: list[str] = []
        for artifact in dict.fromkeys(version.artifact for version in versions):
            own = [version for version in versions if version.artifact == artifact]
            name = re.sub(r"[/:.%\"']", "_", artifact)
            changes += MlflowRegistry(self.client, name).bring_up_to_date(own, self._model_id, prune)
        return changes

    def close(self) -> None:
        """Nothing is left in the background."""

    def next_steps(self) -> list[str]:
        """What to run to look at it."""
        if self.is_local:
            return [f"to look at it: mlflow ui --backend-store-uri {self.address}"]
        return [f"to look at it: {self.address}"] if self.address.startswith("http") else []


@contextmanager
def one_line_errors(address: str) -> Iterator[None]:
    """Turn an error of MLflow, of its database or of the network into a UserError of one line."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, MlflowException | OSError) and not type(error).__module__.startswith("sqlalchemy"):
            raise
        reason = " ".join(str(error).split())
        raise UserError(f"{address}: {shorten(reason, 300)}") from error


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def build_params(params: dict[str, Any]) -> list[Param]:
    """Params as text, shortened to what MLflow keeps."""
    texts = {name: value if isinstance(value, str) else to_json_text(value) for name, value in params.items()}
    return [Param(name, shorten(text, MAX_PARAM_VAL_LENGTH)) for name, text in clean_names(texts).items()]


def build_metrics(run: Run, steps: dict[str, list[tuple[int, float]]]) -> Iterator[Metric]:
    """Metrics with steps as curves, which end in the value of the metric; others as a single value.

    The time of a step is the start of the run, whenever it is written: a metric that is written again is the same then,
    and MLflow keeps it once.
    """
    single = {name: value for name, value in run.metrics.items() if name not in steps}
    for name, value in clean_names(single).items():
        yield Metric(name, value, milliseconds(run.end), 0)
    for name, pairs in clean_names(steps).items():
        for step, value in pairs:
            yield Metric(name, value, milliseconds(run.start), step)


def clean_names(values: dict[str, Any]) -> dict[str, Any]:
    """The values by names that MLflow allows: letters, digits, _ - . : and spaces. None is lost."""
    cleaned: dict[str, Any] = {}
    for name, value in values.items():
        base = re.sub(r"[^\w.\- :]", "_", name)[: MAX_ENTITY_KEY_LENGTH - 4].strip(" ")
        key, number = base, 2
        while key in cleaned:
            key, number = f"{base}_{number}", number + 1
        cleaned[key] = value
    return cleaned


def shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def build_dataset(dataset: Dataset) -> MlflowDataset:
    """The raw table as an input of a run: columns from schema.json; the profile as prepare wrote it."""
    columns = [
        {"type": SPEC_TYPES[column["type"]], "name": column["name"], "required": False}
        for column in dataset.schema.get("columns", [])
    ]
    schema = json.dumps({"mlflow_colspec": columns})
    profile = json.dumps(dataset.profile)
    source = json.dumps({"uri": dataset.path})
    return MlflowDataset(dataset.name, dataset.md5, "local", source, schema, profile)


def build_table(points: Points) -> dict[str, list]:
    """Points in the format of MLflow's tables."""
    columns = list(dict.fromkeys(name for point in points for name in point))
    return {"columns": columns, "data": [[point.get(name) for name in columns] for point in points]}


def write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
