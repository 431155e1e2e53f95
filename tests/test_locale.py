"""Output and files are UTF-8 in every locale."""

import ast
import sys

import pytest

from tests.conftest import ROOT, run
from tests.imports import sources

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # Python's own remedies are off


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_is_utf_8_and_no_character_ends_a_run(stream: str) -> None:
    code = rf"import sys, stages; print('\u2581\u2588 f\u00fcr \udcff', file=sys.{stream})"
    assert run(sys.executable, "-c", code, cwd=ROOT, status=0, **ASCII) == "▁█ für \\udcff\n"


def test_files_and_processes_are_read_and_written_in_a_named_encoding() -> None:
    for file in sources("stages", "tools"):
        for call in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                text = ast.unparse(call)
                of_text = call.func.attr in ("read_text", "write_text") or "text=True" in text
                assert "utf-8" in text or not of_text, f"{file}: {text}"
