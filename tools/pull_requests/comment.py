"""Put a report into one comment of a pull request, and from then on update that comment, by GitHub's `gh`.

    python -m tools.pull_requests.comment NUMBER FILE

The comment is found by a first line that nobody sees, among those of the workflow's own account: another's comment is
never touched. Needs nothing but Python and `gh`.
"""

import json
import subprocess
import sys
from pathlib import Path

MARKER = "<!-- report on the pull request -->"
AUTHOR = "github-actions[bot]"
LONGEST = 65_536  # characters that GitHub takes
CUT = "\n\nThe rest is too long for a comment: `make pr-report` prints all of it.\n"


def comment_of(report: str) -> str:
    comment = f"{MARKER}\n{report}"
    return comment if len(comment) <= LONGEST else comment[: LONGEST - len(CUT)] + CUT


def put(number: str, comment: str) -> str:
    """Update the pull request's comment, or make it. What was done, with the comment's address."""
    comments = f"repos/{{owner}}/{{repo}}/issues/{number}/comments"
    ours = f'.[] | select(.user.login == "{AUTHOR}" and (.body | startswith("{MARKER}"))) | .id'
    known = _gh("--paginate", f"{comments}?per_page=100", "--jq", ours).split()
    place = ["--method", "PATCH", f"repos/{{owner}}/{{repo}}/issues/comments/{known[0]}"] if known else [comments]
    address = _gh(*place, "--input", "-", "--jq", ".html_url", content=json.dumps({"body": comment})).strip()
    return f"{'updated' if known else 'made'} {address}"


def _gh(*arguments: str, content: str = "") -> str:
    try:
        done = subprocess.run(["gh", "api", *arguments], input=content.encode(), capture_output=True, check=False)
    except FileNotFoundError:
        sys.exit("pr-comment: gh, GitHub's command line, is not installed")
    if done.returncode:
        sys.exit(f"pr-comment: gh: {' '.join(done.stderr.decode(errors='replace').split())}")
    return done.stdout.decode(errors="replace")


def main() -> None:
    if len(sys.argv) != 3 or not sys.argv[1].isdecimal():
        sys.exit(f"pr-comment: holds {' '.join(sys.argv[1:])!r}, may hold a pull request's number and a report's file")
    try:
        report = Path(sys.argv[2]).read_text(encoding="utf-8")
    except OSError as error:
        sys.exit(f"pr-comment: {sys.argv[2]}: {error.strerror}")
    print(f"pr-comment: {put(sys.argv[1], comment_of(report))}")


if __name__ == "__main__":
    main()
