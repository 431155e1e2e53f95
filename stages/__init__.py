"""The pipeline's stages: on top the commands that dvc.yaml runs, below them a folder a concern.

Imports between folders run one way: common, data, network, training, then `params`, analysis, page, and the commands.

Every stage and every tool comes by here first, so this is where what they say becomes UTF-8, whatever the locale, and
where no character of it can end a run.
"""

import io
import sys

for _stream in (sys.stdout, sys.stderr):
    if isinstance(_stream, io.TextIOWrapper):
        _stream.reconfigure(encoding="utf-8", errors="backslashreplace")
