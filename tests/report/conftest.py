"""The page of the made-up study: its HTML, what it says, and its charts."""

import html
import json
import re
from pathlib import Path

import pytest

from tests.report.specifications import Specification


@pytest.fixture(scope="session")
def text(compared: Path) -> str:
    return (compared / "plots/report.html").read_text()


@pytest.fixture(scope="session")
def charts(text: str) -> dict[str, Specification]:
    found = re.findall(r'class="specification" data-for="([^"]+)">(.*?)</script>', text, flags=re.DOTALL)
    return {name: json.loads(specification) for name, specification in found}


def visible_text(text: str) -> str:
    """Return what the page says, without markup, in one line."""
    body = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", body)).split())
