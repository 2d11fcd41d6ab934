"""The registry of GTO as MLflow shows it: versions, and aliases for stages."""

from collections.abc import Callable

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from .writer import RegisteredVersion

GTO_VERSION, GTO_STAGES, GTO_COMMIT, REMOVED = "gto.version", "gto.stages", "dvc.commit", "gto.removed"


class MlflowRegistry:
    """A registered model of MLflow that follows an artifact of GTO."""

    def __init__(self, client: MlflowClient, name: str) -> None:
        self.client, self.name = client, name

    def bring_up_to_date(
        self, versions: list[RegisteredVersion], model_id: Callable[[str], str | None], prune: bool
    ) -> list[str]:
        """Add missing versions, and correct descriptions and aliases; return what changed, a line each.

        Args:
            versions: the versions of GTO, the oldest first.
            model_id: the id of the exported model of a commit, None if there is none.
            prune: whether to delete versions that GTO no longer has; else they are marked.
        """
        self._make()
        there = {version.tags.get(GTO_VERSION): version for version in self._versions()}
        changes = []
        for version in versions:
            if version.version in there:
                changes += self._correct(there[version.version], version)
            elif model := model_id(version.commit):
                there[version.version] = self._add(version, model)
                changes.append(f"registered {self.name} {version.version}")
        changes += self._remove(there, {version.version for version in versions}, prune)
        return changes + self._set_aliases(versions, there)

    def _make(self) -> None:
        try:
            self.client.get_registered_model(self.name)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            self.client.create_registered_model(self.name, description="Follows the registry of the DVC project (GTO).")

    def _versions(self) -> list[ModelVersion]:
        return list(self.client.search_model_versions(f"name = '{self.name}'", max_results=10_000))

    def _add(self, version: RegisteredVersion, model_id: str) -> ModelVersion:
        model = self.client.get_logged_model(model_id)
        return self.client.create_model_version(
            self.name,
            source=model.artifact_location,
            run_id=model.source_run_id,
            model_id=model_id,
            tags={GTO_VERSION: version.version, GTO_COMMIT: version.commit},
            description=version.description,
        )

    def _correct(self, there: ModelVersion, version: RegisteredVersion) -> list[str]:
        if there.description != version.description:
            self.client.update_model_version(self.name, there.version, version.description)
            return [f"described {self.name} {version.version}"]
        return []

    def _remove(self, there: dict[str | None, ModelVersion], kept: set[str], prune: bool) -> list[str]:
        changes = []
        for name, version in there.items():
            if name is None or name in kept:
                continue
            if prune:
                self.client.delete_model_version(self.name, version.version)
                changes.append(f"deleted {self.name} {name}")
            elif REMOVED not in version.tags:
                self.client.set_model_version_tag(self.name, version.version, REMOVED, "true")
                changes.append(f"marked as removed {self.name} {name}")
        return changes

    def _set_aliases(self, versions: list[RegisteredVersion], there: dict[str | None, ModelVersion]) -> list[str]:
        """Set the aliases of stages; those that an export set before, and no stage has, are deleted."""
        model = self.client.get_registered_model(self.name)
        wanted = {
            stage: there[version.version].version
            for version in versions
            for stage in version.stages
            if version.version in there
        }
        changes = []
        for stage, number in wanted.items():
            if str(model.aliases.get(stage)) != str(number):
                self.client.set_registered_model_alias(self.name, stage, str(number))
                changes.append(f"{self.name}@{stage} is version {number}")
        before = {*filter(None, model.tags.get(GTO_STAGES, "").split(","))}
        for stage in sorted(before - wanted.keys()):
            self.client.delete_registered_model_alias(self.name, stage)
            changes.append(f"{self.name}@{stage} is gone")
        if before != wanted.keys():
            self.client.set_registered_model_tag(self.name, GTO_STAGES, ",".join(sorted(wanted)))
        return changes
