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
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH; Debian has a package of that name")
both_studies = pytest.mark.parametrize("study", ["reproduced", "compared"], ids=["one seed", "several"])

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


OUTSIDE = """() => [...document.querySelectorAll(".chart text, .chart use")]
  .map((mark) => ({ text: mark.textContent, box: mark.getBoundingClientRect() }))
  .filter(({ box }) => box.left < 0 || box.right > innerWidth).map(({ text }) => text)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def opened(browser: Browser, project: Path, width: int, scheme: str = "light") -> tuple[Page, list[str]]:
    """The page, drawn; and a list of all it complains of or asks the network for."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    page.goto((project / "plots/report.html").as_uri())
    return page, complaints


@both_studies
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "light"), (1440, "dark")])
def test_page_is_drawn_without_network_complaints_or_overlaps(
    browser: Browser, request: pytest.FixtureRequest, tmp_path: Path, study: str, width: int, scheme: str
) -> None:
    """To look at the pages: pytest -o tmp_path_retention_policy=all, which keeps the screenshots."""
    page, complaints = opened(browser, request.getfixturevalue(study), width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((folded) => { folded.open = true })")
    page.screenshot(path=tmp_path / f"{study}-{width}-{scheme}.png", full_page=True)
    assert complaints == []
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    assert page.evaluate(OUTSIDE) == []
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (sum(map(int, re.findall(r"\d+", ink))) > sum(map(int, re.findall(r"\d+", paper)))) == (scheme == "dark")


@both_studies
@pytest.mark.parametrize(("width", "media"), [(1440, "screen"), (718, "print")], ids=["desktop", "A4"])
def test_table_shows_all_its_columns_with_every_interval(
    browser: Browser, request: pytest.FixtureRequest, study: str, width: int, media: Literal["screen", "print"]
) -> None:
    page, _ = opened(browser, request.getfixturevalue(study), width)
    page.emulate_media(media=media)
    table = page.locator(".scroll:has(.sortable)")
    assert table.evaluate("box => box.scrollWidth") <= table.evaluate("box => box.clientWidth")


def test_first_screen_of_a_phone_has_the_headline_and_the_tiles(browser: Browser, reproduced: Path) -> None:
    page, _ = opened(browser, reproduced, 375)
    box = page.locator(".tiles").bounding_box()
    assert box
    assert box["x"] + box["width"] < 375
    assert box["y"] + box["height"] < 900


def test_headings_sort_the_table_with_the_keyboard(browser: Browser, reproduced: Path) -> None:
    page, _ = opened(browser, reproduced, 1440)
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


def test_every_seed_is_shown_on_a_click_and_details_are_printed(browser: Browser, compared: Path) -> None:
    page, _ = opened(browser, compared, 1440)
    seed, details = page.locator(".seed").first, page.locator("details p").first
    assert not seed.is_visible()
    page.get_by_label("Show every seed").focus()
    page.keyboard.press("Space")
    assert seed.is_visible()
    assert not details.is_visible()
    page.emulate_media(media="print")
    assert details.is_visible()


def test_every_chart_tells_a_screen_reader_what_it_shows(browser: Browser, reproduced: Path) -> None:
    page, _ = opened(browser, reproduced, 1440)
    names = page.evaluate("[...document.querySelectorAll('.chart > svg')].map((svg) => svg.getAttribute('aria-label'))")
    assert len(names) >= 9
    assert all(names)
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("h1").count() == 1
