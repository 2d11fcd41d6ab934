"""What an export does, without DVC and without a tool: the plan, names, steps, notes."""

import pytest
from example.toolbox.export.plan import build_plan
from example.toolbox.export.results import parse_steps, read_dataset, read_plots, read_steps
from example.toolbox.export.runs import Run, build_notes, find_start
from example.toolbox.export.writer import Known, chunks

CLONE = "this"


def make_run(identity: str, state: str = "done", **changes) -> Run:
    values = {
        "identity": identity,
        "name": f"name-{identity}",
        "kind": "experiment",
        "state": state,
        "rev": identity,
        "params": {},
        "metrics": {},
        "tags": {"dvc.commit": identity},
        "start": 0.0,
        "end": 1.0,
        "notes": "",
        "live_identity": f"live:base:name-{identity}",
    }
    return Run(**(values | changes))


def known(run: Run, **changes) -> Known:
    return Known(name=run.name, digest=run.digest, clone=CLONE)._replace(**changes)


def plan(runs, there, existing=("a", "b"), prune=False):
    return build_plan(runs, there, set(existing), CLONE, prune)


def test_a_new_run_is_written_and_a_known_one_is_not():
    a, b = make_run("a"), make_run("b")
    result = plan([a, b], {"a": known(a)})
    assert (result.write, result.update, result.same, result.size) == ([b], [], 1, 1)


def test_a_run_without_a_digest_was_killed_on_the_way_and_is_written_again():
    a = make_run("a")
    assert plan([a], {"a": known(a, digest=None)}).write == [a]


def test_a_new_name_or_tag_is_an_update():
    a = make_run("a")
    for changed in (make_run("a", name="other"), make_run("a", tags={"dvc.branch": "main"})):
        assert plan([changed], {"a": known(a)}).update == [changed]


def test_metrics_do_not_make_an_update_since_a_commit_never_changes():
    assert make_run("a", metrics={"cv_mean": 1.0}).digest == make_run("a").digest


def test_a_run_that_is_gone_is_marked_once_and_deleted_by_prune():
    a = make_run("a")
    assert plan([], {"a": known(a)}, existing=()).remove == ["a"]
    assert plan([], {"a": known(a, is_removed=True)}, existing=()).remove == []
    assert plan([], {"a": known(a, is_removed=True)}, existing=(), prune=True).remove == ["a"]


def test_a_run_that_is_left_out_by_where_is_not_gone():
    a = make_run("a")
    assert plan([], {"a": known(a)}, existing=("a",)).remove == []


def test_runs_of_another_clone_are_never_gone():
    a = make_run("a")
    assert plan([], {"a": known(a, clone="other")}, existing=(), prune=True).remove == []


def test_an_experiment_that_is_back_is_unmarked():
    a = make_run("a")
    assert plan([a], {"a": known(a, is_removed=True)}).update == [a]


def test_the_run_of_a_running_experiment_becomes_the_run_of_its_commit():
    a = make_run("a")
    live = known(a, digest=None)
    result = plan([a], {a.live_identity: live})
    assert (result.adopt, result.write, result.end) == ({a.live_identity: a}, [a], [])


def test_a_running_experiment_keeps_its_run_and_one_that_stopped_ends_it():
    running = make_run("live:base:name-a", state="running", live_identity="live:base:name-a")
    there = {"live:base:name-a": Known("a", None, CLONE)}
    assert plan([running], there).end == []
    assert plan([running], there).write == []
    assert plan([], there).end == ["live:base:name-a"]


def test_a_run_that_lacked_files_is_tried_again():
    a = make_run("a")
    result = plan([a], {"a": known(a, missing=2)})
    assert (result.complete, result.same) == ([a], 0)


def test_steps_are_read_up_to_the_last_whole_line():
    assert parse_steps(b"step\tcv_mean\n21\t0.5\n64\t0.7\n12") == [(21, 0.5), (64, 0.7)]
    assert parse_steps(b"step\tcv_mean\n") == []
    assert parse_steps(b"step\tcv") == []


def test_steps_and_plots_are_found_by_their_folders():
    files = {
        "results/train/plots/metrics/cv_mean.tsv": b"step\tcv_mean\n1\t0.5\n",
        "results/train/plots/metrics/train/loss.tsv": b"step\tloss\n1\t2.0\n",
        "results/evaluate/plots/custom/roc.json": b'[{"x": 1}]',
        "results/evaluate/plots/custom/residuals.json": b"[]",
        "results/train/metrics.json": b"{}",
    }
    assert read_steps(files) == {"cv_mean": [(1, 0.5)], "train/loss": [(1, 2.0)]}
    assert read_plots(files) == {"roc": [{"x": 1}]}


def test_a_dataset_needs_a_path_and_a_hash():
    assert read_dataset({}, {"dvc.data.path": "data/raw/a.csv"}) is None
    dataset = read_dataset({}, {"dvc.data.path": "data/raw/a.csv", "dvc.data.md5": "0" * 32})
    assert (dataset.name, dataset.schema, dataset.profile) == ("a.csv", {}, {})


def test_the_start_is_the_last_before_the_end_in_whole_seconds():
    assert find_start([3.9, 7.5, 12.0], 10.0) == 7.0
    assert find_start([12.0], 10.0) == 10.0
    assert find_start([10.9], 10.0) == 10.0


def test_notes_quote_the_name_for_the_shell():
    assert "dvc exp apply 'a b'" in build_notes("experiment", "a b", "c" * 40, "d" * 40)
    assert "git switch --detach ccccccc" in build_notes("commit", "x", "c" * 40, None)


def test_chunks_lose_nothing():
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks([], 2)) == []


@pytest.fixture
def mlflow_writer():
    pytest.importorskip("mlflow")
    from example.toolbox.export import mlflow_writer

    return mlflow_writer


def test_names_that_mlflow_refuses_are_replaced_and_none_is_lost(mlflow_writer):
    names = ["class_fraction.café", "class_fraction.a|b", "class_fraction.a?b", "x" * 300, "train/loss"]
    cleaned = mlflow_writer.clean_names(dict.fromkeys(names, 1))
    assert list(cleaned)[:3] == ["class_fraction.café", "class_fraction.a_b", "class_fraction.a_b_2"]
    assert len(cleaned) == len(names)
    from mlflow.utils.validation import _validate_metric_name

    for name in cleaned:
        _validate_metric_name(name)


def test_points_with_other_columns_make_one_table(mlflow_writer):
    table = mlflow_writer.build_table([{"x": 1}, {"x": 2, "class": "a"}])
    assert table == {"columns": ["x", "class"], "data": [[1, None], [2, "a"]]}


def test_an_input_example_can_be_read_by_the_schema(mlflow_writer):
    import pandas as pd
    from example.core.infer import read_as
    from example.core.schema import ColumnSchema
    from example.toolbox.export.mlflow_model import example_value

    columns = [
        ColumnSchema(name="n", role="feature", type="number", format="plain", min=1.5, max=2.0),
        ColumnSchema(name="u", role="feature", type="number", format="1234.5", unit="kg", min=3.0, max=4.0),
        ColumnSchema(name="d", role="feature", type="date", format="%d.%m.%Y", min="2024-01-31T00:00:00"),
        ColumnSchema(name="c", role="feature", type="category", categories=["a", "b"]),
    ]
    for column in columns:
        values, unreadable = read_as(pd.Series([example_value(column)], dtype=object), column)
        assert values.notna().all()
        assert unreadable.empty


def test_params_are_nested_with_their_types_for_wandb():
    pytest.importorskip("wandb")
    from example.toolbox.export.wandb_writer import build_config

    run = make_run("a", params={"train.model": "ridge", "train.ridge.alpha": 1.0, "train.seed": 0, "data.drop": []})
    config = build_config(run)
    assert config["train"] == {"model": "ridge", "ridge": {"alpha": 1.0}, "seed": 0}
    assert config["data"] == {"drop": []}
    assert config["dvc"]["start"] == "1970-01-01T00:00:00+00:00"


def test_pictures_are_drawn_of_every_plot_of_the_stages(tmp_path):
    pytest.importorskip("matplotlib")
    from example.toolbox.export.pictures import write_pictures
    from example.toolbox.export.results import PLOT_AXES

    plots = {name: [{x: 0.5, y: "a" if name in ("importance", "folds") else 0.5}] for name, (x, y) in PLOT_AXES.items()}
    plots["confusion"] = [{"actual": "a", "predicted": "b", "count": 2}]
    write_pictures(plots | {"own": [{"z": 1}]}, tmp_path)
    assert {file.stem for file in tmp_path.iterdir()} == set(PLOT_AXES)
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in tmp_path.iterdir())
