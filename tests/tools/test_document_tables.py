"""The tables, charts and the picture of the documents."""

from pathlib import Path

from stages.report.figures import write_png
from tests.conftest import PAGES, ROOT
from tools.document_tables import TABLE, TABLES, result_figure, with_tables


def test_tables_of_documents_are_those_of_records() -> None:
    texts = [path.read_text() for path in PAGES]
    assert sorted(match[1] for text in texts for match in TABLE.findall(text)) == sorted(TABLES)
    assert [with_tables(text) for text in texts] == texts


def test_picture_of_the_readme_is_that_of_the_records(tmp_path: Path) -> None:
    write_png(tmp_path / "result.png", result_figure())
    assert (tmp_path / "result.png").read_bytes() == (ROOT / "docs/result.png").read_bytes()
