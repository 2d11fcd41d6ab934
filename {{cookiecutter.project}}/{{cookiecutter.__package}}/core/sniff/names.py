"""Names of columns: made unique, and quoted in messages."""

import difflib
import re

ZERO_WIDTH = "\u200b\u200c\u200d\u2060"  # spaces and joiners that nobody sees


def column_names(header: list[str]) -> list[str]:
    """The header without surrounding spaces, visible or not, each name once.

    A column without a name is named after its number. A repeated name gets `.1`, `.2`, ..., as in pandas.
    """
    names: dict[str, None] = {}  # in order
    given = set(header)
    for number, text in enumerate(header, start=1):
        name = base = strip(text) or f"column_{number}"
        copies = 0
        while name in names or (copies and name in given):
            copies += 1
            name = f"{base}.{copies}"
        names[name] = None
    return list(names)


def strip(text: str) -> str:
    """Without the spaces around it, also those that nobody sees."""
    return text.strip().strip(ZERO_WIDTH).strip()


def is_index(name: str) -> bool:
    """Whether a column of a Parquet file is an index that pandas stored."""
    return re.fullmatch(r"__index_level_\d+__", name) is not None


def did_you_mean(name: str, names: list[str]) -> str:
    """A hint for a column that does not exist: similar names, or all names."""
    folded = {known.casefold(): known for known in names}
    close = [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=3)]
    return f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {quote_list(names)}"


def quote_list(names: list[str], limit: int = 12) -> str:
    """The names in quotes; the first ones if there are more than `limit`."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(repr, names[:limit])) + more
