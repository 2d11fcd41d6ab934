"""Peak memory of predict by the number of rows: python -m benchmarks.memory [ROWS ...]; default: 1 and 10 million.

The model is a logistic regression of four columns, so that reading and writing use most of the memory. The peak is the
largest resident memory of the process, as the system reports it (Linux, macOS).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .__main__ import TEMPLATE, run

PART_ROWS = 100_000  # made at a time
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [1_000_000, 10_000_000]
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        project = trained(Path(name))
        print("| input | rows | peak, MB | to the first | seconds |\n|---|---|---|---|---|")
        for suffix in ("csv", "parquet"):
            first = None
            for rows in sizes:
                source = project.with_name(f"new.{suffix}")
                write(source, rows)
                peak, seconds = predict(project, source, project.with_name(f"predicted.{suffix}"))
                first = first or peak
                print(f"| {suffix} | {rows} | {peak / 1e6:.0f} | {peak / first:.2f} | {seconds:.0f} |", flush=True)


def part(seed: int, rows: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, rows)).round(4)
    group = random.choice(["red", "green", "blue"], rows)
    return pd.DataFrame({"a": a, "b": b, "group": group, "c": random.integers(100, size=rows)})


def write(path: Path, rows: int) -> None:
    """Write rows in parts: as text, or as row groups."""
    parts = (part(number, min(PART_ROWS, rows - start)) for number, start in enumerate(range(0, rows, PART_ROWS)))
    if path.suffix == ".csv":
        with path.open("w") as file:
            for number, frame in enumerate(parts):
                frame.to_csv(file, index=False, header=number == 0)
        return
    schema = pa.Table.from_pandas(part(0, 1)).schema
    with pq.ParquetWriter(path, schema) as writer:
        for frame in parts:
            writer.write_table(pa.Table.from_pandas(frame, schema))


def trained(folder: Path) -> Path:
    """A project with a logistic regression on a thousand rows."""
    table = part(-1 % 2**32, 1000)
    table.assign(y=np.where(table["a"] + table["b"] > 0, "p", "q")).to_csv(folder / "table.csv", index=False)
    run(folder, "cookiecutter", str(TEMPLATE), "--no-input", "data_path=table.csv", "target=y")
    project = folder / "penguins"
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("model: random_forest", "model: logistic_regression"))
    for stage in ("prepare", "train"):
        run(project, sys.executable, "-m", f"penguins.stages.{stage}")
    return project


def predict(project: Path, source: Path, output: Path) -> tuple[int, float]:
    """Peak memory in bytes, and seconds."""
    start = time.perf_counter()
    command = (sys.executable, "-m", "penguins", "predict", str(source), "-o", str(output))
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_maxrss * UNIT, time.perf_counter() - start


if __name__ == "__main__":
    main()
