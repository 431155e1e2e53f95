"""The page of the made-up study: its HTML, and what it says."""

import html
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def text(compared: Path) -> str:
    return (compared / "plots/report.html").read_text()


def visible_text(markup: str) -> str:
    """Return what is read, without markup, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup)).split())


def section(text: str, name: str) -> str:
    """Return the HTML of a section."""
    return text.partition(f'<section id="{name}"')[2].partition("</section>")[0]


def elements(markup: str, start: str) -> list[str]:
    """Return what is read in every element whose tag and first attributes these are."""
    tag = start.split()[0]
    return [visible_text(found) for found in re.findall(rf"<{start}[^>]*>(.*?)</{tag}>", markup, flags=re.DOTALL)]
