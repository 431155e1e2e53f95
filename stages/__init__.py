"""The pipeline's stages: the commands that dvc.yaml runs, and one folder per concern.

Imports run one way: training, data, params, checkpoints, jobs, trials, analysis, report, then the commands.

Every stage and tool imports this module first. It makes their output UTF-8 in every locale, because in others a
character could end a run.
"""

import io
import sys

for _stream in (sys.stdout, sys.stderr):
    if isinstance(_stream, io.TextIOWrapper):
        _stream.reconfigure(encoding="utf-8", errors="backslashreplace")
