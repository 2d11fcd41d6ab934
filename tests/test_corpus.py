"""The rule by which the corpus picks a column to predict."""

import pandas as pd

from corpus.tables import pick_target


def test_the_last_column_of_few_values_else_the_last_number():
    few, many, rare = [0, 1] * 30, list(range(60)), [0] * 56 + [1] * 4
    assert pick_target(pd.DataFrame({"a": few, "b": few, "c": many})) == "b"
    assert pick_target(pd.DataFrame({"a": many, "b": many, "c": rare})) == "b"
    assert pick_target(pd.DataFrame({"a": [str(i) for i in many], "b": rare})) is None
