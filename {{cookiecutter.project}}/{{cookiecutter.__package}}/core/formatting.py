"""Values as people and as JSON read them."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def to_json_value(value: Any) -> Any:
    """The value as JSON has it: null for a missing or infinite number, a name for a class or function."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [to_json_value(item) for item in value]
    if isinstance(value, np.generic):
        return to_json_value(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is pd.NA or value is pd.NaT:
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return getattr(value, "__qualname__", None) or type(value).__qualname__


def to_json(value: Any) -> str:
    """Indented JSON, with its own escapes for characters that would control the terminal."""
    lines = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    return "\n".join(line if line.isprintable() else _escape(line) for line in lines)


def _escape(line: str) -> str:
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in line)


def to_json_text(value: Any) -> str:
    """The value in one line of JSON."""
    return json.dumps(to_json_value(value), ensure_ascii=False)


def format_value(value: Any) -> str:
    """The value in a table: a number with four significant digits, a time to the minute, a list as in params.yaml."""
    if isinstance(value, float) and not pd.isna(value):
        return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
    if isinstance(value, pd.Timestamp) and not pd.isna(value):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list | dict | bool):
        return to_json_text(value)
    return "" if pd.isna(value) else str(value)
