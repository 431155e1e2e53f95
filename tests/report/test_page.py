"""The page of results, in a real browser: Debian's Chromium, without a network."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
browser_wanted = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on the PATH; Debian has a package of that name"
)

OVERLAPS = """() => {
  const texts = [...document.querySelectorAll("main *")].filter((element) => element.checkVisibility()
    && element.children.length === 0 && element.textContent.trim() && !element.closest(".scroll, pre"));
  const boxes = texts.map((element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return { text: element.textContent.trim(), box: range.getBoundingClientRect() };
  }).filter(({ text, box }) => text && box.width > 0 && box.height > 0);
  const found = [];
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    const [a, b] = [boxes[i].box, boxes[j].box];
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 3) found.push(`${boxes[i].text} | ${boxes[j].text}`);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def opened(browser: Browser, path: Path, width: int, scheme: str = "light") -> tuple[Page, list[str]]:
    """The page, drawn; and a list of all it complains of or asks the network for."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-drawn=yes]")
    return page, complaints


@browser_wanted
@pytest.mark.parametrize("study", ["reproduced", "compared"], ids=["one seed", "several"])
@pytest.mark.parametrize(
    ("name", "width", "scheme"), [("wide", 1440, "light"), ("phone", 360, "light"), ("dark", 1440, "dark")]
)
def test_page_is_drawn_without_network_complaints_or_overlaps(
    browser: Browser, request: pytest.FixtureRequest, tmp_path: Path, study: str, name: str, width: int, scheme: str
) -> None:
    """To look at the pages: pytest -o tmp_path_retention_policy=all, which keeps the screenshots."""
    page, complaints = opened(browser, request.getfixturevalue(study) / "plots/report.html", width, scheme)
    page.screenshot(path=tmp_path / f"{study}-{name}.png", full_page=True)
    assert complaints == []
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    assert page.locator(".chart:not(:has(svg))").count() == 0, "a chart is not drawn"
    own = "[...document.querySelectorAll('.chart svg')].map((chart) => getComputedStyle(chart).backgroundColor)"
    assert set(page.evaluate(own)) == {"rgba(0, 0, 0, 0)"}, "charts show the page's colour"
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (sum(map(int, re.findall(r"\d+", ink))) > sum(map(int, re.findall(r"\d+", paper)))) == (scheme == "dark")


@browser_wanted
@pytest.mark.parametrize("study", ["reproduced", "compared"], ids=["one seed", "several"])
@pytest.mark.parametrize(("width", "media"), [(1440, "screen"), (718, "print")], ids=["desktop", "A4"])
def test_table_shows_all_its_columns_with_every_interval(
    browser: Browser, request: pytest.FixtureRequest, study: str, width: int, media: Literal["screen", "print"]
) -> None:
    page, _ = opened(browser, request.getfixturevalue(study) / "plots/report.html", width)
    page.emulate_media(media=media)
    table = page.locator(".scroll:has(.sortable)")
    assert table.evaluate("box => box.scrollWidth") <= table.evaluate("box => box.clientWidth")


@browser_wanted
def test_page_of_one_seed_shows_accuracies_on_the_first_screen_of_a_phone(browser: Browser, reproduced: Path) -> None:
    page, _ = opened(browser, reproduced / "plots/report.html", 360)
    cell = page.locator(".sortable tbody td").first
    assert re.fullmatch(r"\d+\.\d\d", cell.text_content() or "")
    box = cell.bounding_box()
    assert box
    assert box["x"] + box["width"] < 360
    assert box["y"] + box["height"] < 900


@browser_wanted
def test_headings_sort_the_table_with_the_keyboard(browser: Browser, reproduced: Path) -> None:
    page, _ = opened(browser, reproduced / "plots/report.html", 1440)
    heading = page.locator(".sortable thead th", has_text="parameters")

    place = 1 + page.locator(".sortable thead th button").all_text_contents().index("parameters")

    def column() -> list[int]:
        cells = page.locator(f".sortable tbody tr td:nth-child({place})").all_text_contents()
        return [int(cell.replace(",", "")) for cell in cells]

    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert column() == sorted(column())
    assert heading.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert column() == sorted(column(), reverse=True)
    assert heading.get_attribute("aria-sort") == "descending"


@browser_wanted
def test_toggles_take_an_architecture_out_of_the_learning_curves(browser: Browser, reproduced: Path) -> None:
    page, _ = opened(browser, reproduced / "plots/report.html", 1440)
    points = page.locator("#chart-curves-loss .mark-symbol path")
    before = points.count()
    toggles = page.get_by_role("checkbox")
    assert toggles.count() == 3
    toggles.first.focus()
    page.keyboard.press("Space")
    page.wait_for_function(
        "before => document.querySelectorAll('#chart-curves-loss .mark-symbol path').length < before", arg=before
    )
    assert points.count() == before * 2 // 3
    page.keyboard.press("Space")
    page.wait_for_function(
        "before => document.querySelectorAll('#chart-curves-loss .mark-symbol path').length === before", arg=before
    )


@browser_wanted
def test_every_chart_tells_a_screen_reader_what_it_shows(browser: Browser, reproduced: Path) -> None:
    page, _ = opened(browser, reproduced / "plots/report.html", 1440)
    labels = page.evaluate(
        "[...document.querySelectorAll('.chart svg')].map((svg) => svg.outerHTML.includes('aria-label'))"
    )
    assert len(labels) >= 8
    assert all(labels)
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("h1").count() == 1
