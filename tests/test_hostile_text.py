"""Names and values that other people wrote: on the terminal, in JSON, and on the page of DVC's plots."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT
from dvc_render.html import render_html
from dvc_render.image import ImageRenderer
from dvc_render.vega import VegaRenderer
from example.core.errors import printable
from example.core.formatting import to_json
from example.toolbox import compare, predict
from hypothesis import given
from hypothesis import strategies as st

CONTROLS = "\x1b[31m\x07\x9b2J\u202e\u200b\U000e0041"
END_OF_SCRIPT = "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"

# --- On the terminal ------------------------------------------------------------------------------------------------


@given(st.text())
def test_what_is_printed_does_not_control_the_terminal(text):
    assert all(line.isprintable() for line in printable(text).split("\n"))
    if text.isprintable():
        assert printable(text) == text


@given(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False) | st.lists(st.text(), max_size=3), max_size=4))
def test_json_does_not_either_and_holds_the_same_values(value):
    text = to_json(value)
    assert all(line.isprintable() for line in text.split("\n"))
    assert json.loads(text) == value


def test_an_error_and_a_warning_are_printed_with_escapes():
    code = "import warnings; from core import errors; errors.install_excepthook(); warnings.warn(TEXT)\n"
    code += "raise errors.UserError(TEXT)"
    folder = PROJECT / "{{cookiecutter.__package}}"
    command = [sys.executable, "-B", "-c", f"import sys; sys.path[:0] = [{str(folder)!r}]; TEXT = {CONTROLS!r}\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["warning", "error"]
    assert all(line.isprintable() for line in done.stderr.splitlines())


# --- In CSV: values are kept as they are, since a program reads them (docs/decisions.md) ------------------------------

CELLS = ["=HYPERLINK(1)", "+1+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\tx"]


def test_csv_has_the_values_that_the_table_had(tmp_path):
    frame = pd.DataFrame({"=a": CELLS})
    path = tmp_path / "out.csv"
    import pyarrow as pa

    predict.write(iter([pa.Table.from_pandas(frame)]), path)
    assert pd.read_csv(path)["=a"].tolist() == CELLS
    path.write_text(compare.to_csv(frame))
    assert pd.read_csv(path)["=a"].tolist() == CELLS


# --- On the page of `dvc plots show` --------------------------------------------------------------------------------


@pytest.fixture
def opened(chromium, tmp_path):
    """Draw plots by DVC's own code on the template's page; return the page as a browser without a network has it."""

    def open_page(*plots) -> str:
        page = tmp_path / "page" / "index.html"
        render_html(plots, page, html_template=PROJECT / ".dvc/plots/page.html")
        command = [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom", page.as_uri()),
        ]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True, timeout=120).stdout

    return open_page


def plot(name: str, points: list[dict]) -> VegaRenderer:
    return VegaRenderer(points, name, template="bar_horizontal", x="score", y="class", title=name)


@pytest.mark.slow
@pytest.mark.parametrize("text", [END_OF_SCRIPT, "<!--<script>", "</plaintext><script>document.title='run'</script>"])
def test_a_class_with_html_in_its_name_is_drawn_as_text(opened, text):
    page = opened(plot("first", [{"class": text, "score": 1.0}]), plot("second", [{"class": "b", "score": 2.0}]))
    assert "<title>Plots</title>" in page
    assert page.count('class="marks"') == 2
    drawn = page.partition('class="marks"')[2].replace("&lt;", "<").replace("&gt;", ">")
    assert text[:9] in re.sub(r"<(?!/?script|!--|/plaintext)[^>]*>", "", drawn)


@pytest.mark.slow
def test_a_number_that_is_none_and_a_plot_without_points_do_not_stop_the_others(opened):
    none = [{"class": "a", "score": float("nan")}, {"class": "b", "score": 1.0}]
    page = opened(plot("none", none), plot("empty", []), plot("last", [{"class": "c", "score": 2.0}]))
    assert page.count('class="marks"') == 2


@pytest.mark.slow
def test_a_picture_is_shown_with_its_name_and_nothing_else_of_it(opened):
    picture = {"src": "static/a.png", "rev": "<img src=y onerror=\"document.title='run'\">main"}
    page = opened(ImageRenderer([picture], "a.png"), plot("p", [{"class": "c", "score": 2.0}]))
    shown = page.partition("</plaintext>")[2] or page
    assert "<title>Plots</title>" in page
    assert re.search(r'<figure><img src="static/a\.png"><figcaption>.*main</figcaption>', shown)
    assert page.count('class="marks"') == 1
    assert not Path("static").exists()
