"""A run of the tests leaves nothing behind: no process, and no file but pytest's own of tests that failed.

What the tests start has a home, a folder for temporary files and DVC's memory of files in one folder, which goes at the
end. By its variables a process is known to be the tests'.
"""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHES = ("__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache")
SSHD = Path("/run/sshd")  # OpenSSH's server needs it, wherever its other files are
PATIENCE = 30  # seconds: a worker of DVC's queue ends some time after the last experiment


class Scratch:
    """The folder of one run, and the files that were there before it."""

    def __init__(self) -> None:
        tempfile.gettempdir()  # pytest's own folders stay where they are
        self.folder = Path(tempfile.mkdtemp(prefix="tests-"))
        self.variables = {"HOME": "home", "TMPDIR": "tmp", "DVC_SITE_CACHE_DIR": "dvc"}
        self.variables = {name: str(self.folder / folder) for name, folder in self.variables.items()}
        for folder in self.variables.values():
            Path(folder).mkdir()
        # Git reads this repository whoever owns it, as the user's own settings, which are not read, may allow
        for setting in (("safe.directory", str(ROOT)), ("user.name", "test"), ("user.email", "test@example.org")):
            subprocess.run(["git", "config", "--file", str(self.folder / "home/.gitconfig"), *setting], check=True)
        self.sshd, self.files = SSHD.exists(), _files()

    def left(self) -> list[str]:
        """Return the commands of processes, and the files in this repository, that are new; remove the folder."""
        deadline = time.monotonic() + PATIENCE
        while (processes := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.5)
        shutil.rmtree(self.folder, ignore_errors=True)
        if SSHD.exists() and not self.sshd:
            SSHD.rmdir()
        return [*processes, *sorted(_files() - self.files)]

    def _processes(self) -> list[str]:
        mark = f"TMPDIR={self.variables['TMPDIR']}".encode()
        commands = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    commands.append((process / "cmdline").read_text(errors="replace").replace("\0", " "))
            except OSError:
                continue  # it has ended, or is another user's
        return commands


def _files() -> set[str]:
    """Return the files of this repository that Git does not track."""
    command = ["git", "status", "--porcelain", "--ignored", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    there = (line for line in done.stdout.split("\0") if line.startswith(("??", "!!")))
    return {line[3:] for line in there if Path(line[3:]).name not in CACHES}
