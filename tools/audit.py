"""Look every package of requirements.lock up in the database of known vulnerabilities, by pip-audit.

Exit status 1 if one has any, or if some could not be looked up: an audit that did not happen is no good news.
"""

import json
import subprocess
import sys


def main() -> None:
    command = ["pip-audit", "--requirement", "requirements.lock", "--require-hashes", "--disable-pip"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit(f"audit: nothing was looked up: {' '.join(done.stderr.split()[-40:])}")
    packages = json.loads(done.stdout)["dependencies"]
    vulnerable = [package for package in packages if package.get("vulns")]
    skipped = [package for package in packages if "skip_reason" in package]
    for package in vulnerable:
        names = ", ".join(vulnerability["id"] for vulnerability in package["vulns"])
        print(f"audit: {package['name']} {package['version']}: {names}")
    print(f"audit: {len(packages) - len(skipped)} of {len(packages)} packages looked up, {len(vulnerable)} vulnerable")
    if skipped:
        sys.exit(f"audit: the database could not be reached for {len(skipped)}, such as {skipped[0]['name']}")
    if vulnerable:
        sys.exit(1)


if __name__ == "__main__":
    main()
