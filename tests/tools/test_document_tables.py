"""The tables of the documents."""

from tests.conftest import PAGES, ROOT
from tools.document_tables import TABLE, TABLES, with_tables


def test_tables_of_documents_are_those_of_metrics_and_records() -> None:
    texts = [path.read_text() for path in (*PAGES, ROOT / "CONTRIBUTING.md")]
    assert sorted(match[1] for text in texts for match in TABLE.findall(text)) == sorted(TABLES)
    assert [with_tables(text) for text in texts] == texts
