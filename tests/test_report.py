"""The report: its page in a browser with the network off, its Markdown, and text that would be HTML or a script."""

import json
import re
import shutil
import sys
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest
from commands import QUICK, set_param
from conftest import BakedProject, copy_project
from playwright.sync_api import sync_playwright

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("report")]  # one worker, so that what they share is made once

HOSTILE = "</script><script>alert(1)</script> <img src=x onerror=alert(1)> | `a` *b*\n"
TRIALS = """\
trial,state,value,seconds,train.random_forest.n_estimators,note
0,COMPLETE,0.85,1.5,20,"{hostile}"
1,PRUNED,0.80,0.5,30,
2,FAIL,,0.1,40,
3,COMPLETE,0.91,1.5,50,
4,COMPLETE,0.90,1.5,60,
"""
# The shapes that Vega drew in a chart, without its axes.
MARKS = "svg [class*='mark-']:not([class*='role-axis']):not([class*='role-frame']):not([class*='role-scope']) > *"


@pytest.fixture(scope="module")
def reported(finished, tmp_path_factory):
    """A project with two commits of results, three experiments, a sweep, hostile names and values, and its report."""
    project = copy_project(finished, tmp_path_factory.mktemp("reported") / "copy")
    project.dvc("exp", "run", "-q", "--temp", "-n", "linear", "-S", "train.model=logistic_regression", *QUICK)
    project.dvc("exp", "run", "-q", "--temp", "-n", "again", "-S", "evaluate.importance.n_repeats=1")
    project.dvc("exp", "run", "-q", "-n", "<b>x", "-S", "train.random_forest.max_depth=1", *QUICK)
    project.commit(f"Stumps {HOSTILE}")
    set_param(project, "purpose: baseline", f"purpose: {json.dumps(HOSTILE)}")
    project.commit("A purpose that no stage would accept")
    trials = project.path / "results/sweep/abc/trials.csv"
    trials.parent.mkdir(parents=True)
    trials.write_text(TRIALS.format(hostile=HOSTILE), encoding="utf-8")
    report(project, "--all", "--top", "6")
    return project


class Tags(HTMLParser):
    """The tags of a page, and the addresses that they load from or lead to."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses = set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def report(project: BakedProject, *arguments: str, code: int = 0) -> str:
    return project.run(sys.executable, "-m", "penguins", "report", *arguments, code=code)


@pytest.fixture
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser, project: BakedProject, **options):
    """The page with the network off; fails if it loads anything, or reports a problem."""
    requests, messages = [], []
    context = browser.new_context(offline=True, **options)
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
    page = context.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("dialog", lambda dialog: messages.append(dialog.message) or dialog.dismiss())
    address = (project.path / "report.html").as_uri()
    page.goto(address)
    page.wait_for_function(
        "document.querySelectorAll('.chart svg').length === document.querySelectorAll('.chart').length"
    )
    yield page
    assert [url for url in requests if not url.startswith("data:")] == [address]
    assert messages == []
    context.close()


def drawn(page) -> dict[str, int]:
    """How many shapes each chart has, by its caption."""
    caption, shapes = "f.querySelector('figcaption').textContent", f"f.querySelectorAll(`{MARKS}`).length"
    count = f"figures => figures.map(f => [{caption}, {shapes}])"
    return dict(page.locator("figure").evaluate_all(count))


def column(page, number: int) -> list[str]:
    """The visible values of a column of the table."""
    return page.locator(f"#table tbody tr:visible > :nth-child({number})").all_inner_texts()


def test_the_page_draws_sorts_and_filters_with_the_network_off(reported, browser):
    with opened(browser, reported) as page:
        shapes = drawn(page)
        assert {
            "cv_mean",
            "test_log_loss",
            "6 experiments, the best 6 in colour",
            "Learning curve of cross-validation",
            "ROC curve of class male",
            "Precision-recall curve of class male",
            "linear",
            "<b>x",
            "A dot per experiment",
            "Score by trial, and the best so far",
        } <= shapes.keys()
        assert all(shapes.values()), shapes
        assert shapes["<b>x"] == 8  # a confusion matrix of four cells and their numbers
        assert page.locator("#table b, #table script, #table img").count() == 0

        scores = [float(score) for score in column(page, 2) if score != "—"]
        assert len(scores) == 6
        assert scores == sorted(scores, reverse=True)
        head = page.locator("#table th", has_text="cv_mean")
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        assert [float(score) for score in column(page, 2) if score != "—"] == sorted(scores)
        assert column(page, 2)[-1] == "—"  # what has no value stays last
        head.get_by_role("button").press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        assert page.locator("[aria-sort]").count() == 1
        page.locator("#table th", has_text="experiment").get_by_role("button").click()
        names = column(page, 1)
        page.locator("#table th", has_text="experiment").get_by_role("button").click()
        assert column(page, 1) == names[::-1] != names

        page.get_by_label("Filter the experiments").fill("LINEAR logistic")
        assert column(page, 1) == ["linear"]
        assert page.locator("#count").inner_text() == "1 of 7"
        page.get_by_label("Filter the experiments").fill("")
        assert len(column(page, 1)) == 7


def test_the_page_on_a_phone_in_the_dark_and_on_paper(reported, browser):
    contrast = """([first, second]) => {
        const light = colour => {
            const parts = colour.match(/[\\d.]+/g).slice(0, 3)
                .map(part => part / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05;
        };
        return Math.max(light(first) / light(second), light(second) / light(first));
    }"""
    style = "(element, name) => getComputedStyle(element)[name]"

    def readable(page) -> None:
        behind = page.locator("body").evaluate(style, "backgroundColor")
        for place, name in (("body", "color"), (".soft", "color"), ("svg .mark-text text", "fill"), ("a", "color")):
            assert page.evaluate(contrast, [page.locator(place).first.evaluate(style, name), behind]) > 4.5, place

    with opened(browser, reported, viewport={"width": 390, "height": 844}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert all(drawn(page).values())
        readable(page)
    with opened(browser, reported, color_scheme="dark") as page:
        assert page.locator("body").evaluate(style, "backgroundColor") == "rgb(20, 23, 26)"
        readable(page)
        page.emulate_media(media="print")
        assert page.locator("body").evaluate(style, "backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator("#filter").is_visible()
        assert page.locator("#table").is_visible()
        assert page.pdf().startswith(b"%PDF")
        readable(page)


def test_the_page_is_complete_and_no_value_is_code(reported):
    page = reported.read("report.html")
    assert len(page) < 5_000_000
    assert page.count("<script>") == page.count("</script>") - page.count("<script type=") == 2
    parser = Tags()
    parser.feed(page)
    assert parser.tags.isdisjoint({"img", "b", "link", "iframe"})
    assert all(address.startswith("#") for address in parser.addresses)
    assert re.search(r"script-src 'sha256-[\w+/]{43}=' 'sha256-[\w+/]{43}='", page)
    assert "&lt;b&gt;x" in page


def test_the_markdown(reported):
    text = reported.read("report.md")
    for heading in ("Experiments", "Metrics over commits", "Sweep abc", "How to get exactly this model"):
        assert f"\n## {heading}\n" in text
    tables = re.findall(r"^(?:\|.*\|\n)+", text, re.MULTILINE)
    assert len(tables) == 7
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert not re.search(r"<script|<img|<b>|(?<!\\)`a|(?<!\\)\*b", text)
    assert "| &lt;b&gt;x |" in text
    assert tables[0].startswith("| experiment | cv_mean | cv_std | test_accuracy |")
    md5 = re.search(r"\| models/model.skops \| (\w{32}) \|", text)[1]
    assert md5 in reported.run(
        "git", "grep", "-h", md5, *reported.run("git", "rev-list", "--all").split(), "--", "dvc.lock"
    )


def test_the_json_and_what_is_not_in_the_cache(reported, tmp_path):
    project = copy_project(reported, tmp_path / "copy")
    facts = json.loads(report(project, "--all", "--json", "--where", "name == 'linear'"))
    assert facts["ranked"] == 1
    assert facts["best"]["name"] == "linear"
    assert {"name": "train.model", "reference": "random_forest", "best": "logistic_regression"} in facts[
        "changed_params"
    ]
    assert facts["metadata"].keys() == {"experiment", "environment", "data", "model", "evaluation"}
    assert "dvc exp apply linear" in facts["commands"]
    assert facts["top"][0]["missing"] == []
    assert facts["top"][0]["learning"][0]["cv_mean"] == facts["best"]["cv_mean"]

    shutil.rmtree(project.path / ".dvc/cache")
    report(project, "--all")
    assert "not in the cache" in project.read("report.html")
    assert "Not in the cache (dvc pull, or dvc exp pull): " in project.read("report.md")
    assert report(project, "-o", "report.pdf", code=1).startswith("error: --output report.pdf: should end in .html")


def test_a_regression(project, browser):
    project.dvc("exp", "run", "-q", "-S", "data.target=body_mass_g", "-S", "data.task=regression", *QUICK)
    project.commit("Predict the mass")
    report(project)
    with opened(browser, project) as page:
        assert page.locator("h3", has_text="Residuals").count() == 1
        shapes = drawn(page)
        assert all(shapes.values()), shapes
        assert not any("ROC" in caption for caption in shapes)
    assert "cv_mean (r2)" in project.read("report.md")
