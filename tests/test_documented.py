"""Every command of the README and of docs/ is run by a test, every link leads somewhere, every page is found."""

import re
from pathlib import Path

import pytest

from tests.conftest import PAGES, ROOT, SH_BLOCK, documented_commands, run

WHOLE = {"your-own.md": "test_your_own.py"}  # a page all of whose blocks are run by one file of tests
README, *OTHERS = PAGES


def test_every_command_is_run_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    by_tests = set(re.findall(r'documented\("(.+?)"\)', tests)) | {"pytest"}
    whole = {command for page in OTHERS if page.name in WHOLE for command in commands_of(page)}
    assert set(documented_commands()) - whole == by_tests
    for page, file in WHOLE.items():
        assert f"docs/{page}" in (ROOT / "tests" / file).read_text()


def commands_of(page: Path) -> list[str]:
    return [line for block in SH_BLOCK.findall(page.read_text(encoding="utf-8")) for line in block.splitlines()]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_to_what_git_holds_and_to_headings_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for link in (link for link in links if not link.startswith("https://")):
        name, _, heading = link.partition("#")
        target = page.parent / name
        assert run("git", "ls-files", "--cached", "--others", "--exclude-standard", str(target), cwd=ROOT), link
        assert not heading or heading in headings(target), link


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_readme_leads_to_every_page() -> None:
    found = re.findall(r"\]\(docs/([\w-]+\.md)\)", README.read_text(encoding="utf-8"))
    assert {page.name for page in OTHERS} == set(found)
