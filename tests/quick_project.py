"""A baked project whose stages take seconds, for tests of what comes after them."""

from pathlib import Path

from conftest import BakedProject

QUICK = {
    "n_estimators: 100 # trees": "n_estimators: 5",
    "n_splits: 5": "n_splits: 2",
    "train_sizes: [0.1, 0.3, 1.0]": "train_sizes: [0.5, 1.0]",
    "n_repeats: 5": "n_repeats: 1",
}


def finish_quickly(path: Path) -> BakedProject:
    """Make the stages of a baked project quick, run them, and commit the results."""
    project = BakedProject(path, "")
    text = project.read("params.yaml")
    for old, new in QUICK.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (project.path / "params.yaml").write_text(text, encoding="utf-8")
    project.dvc("repro", "--quiet")
    project.commit("First results")
    return project
