"""The page of the made-up study: its HTML, what it says, and its charts."""

import html
import json
import re
from pathlib import Path

import pytest

from tests.report.specifications import Specification

LABELS = ["(2, 4)", "(8, 16)", "(10, 20)", "1 block", "2 blocks"]


@pytest.fixture(scope="module")
def text(made_up: Path) -> str:
    return (made_up / "plots/report.html").read_text()


@pytest.fixture(scope="module")
def charts(text: str) -> dict[str, Specification]:
    found = re.findall(r'class="specification" data-for="([^"]+)">(.*?)</script>', text, flags=re.DOTALL)
    return {name: json.loads(specification) for name, specification in found}


def said(text: str) -> str:
    """What the page says, without markup, in one line."""
    body = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", body)).split())
