"""Run uv with what pip is told: where packages are, and how to reach it.

    python -m tools.uv UV ARGUMENT ...

uv reads neither pip's files nor its variables. What `pip config list` says (https://pip.pypa.io/en/stable/cli/pip_install,
its options) becomes variables of uv (https://docs.astral.sh/uv/reference/environment); one of these that is set already
stands. Credentials in an address go along with it, and `.netrc` both read. Only the standard library is imported, as
this runs before anything is installed.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

TRUE = ("1", "on", "t", "true", "y", "yes")  # as pip's own strtobool


def pip_options(listed: str) -> dict[str, str]:
    """The options of `pip install` by name, from the lines of `pip config list`, such as `global.cert='/a.pem'`.

    A variable goes before `[install]`, and that before `[global]`.
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.partition(".")
        if section in found and value:
            found[section][option.lower().replace("_", "-")] = str(ast.literal_eval(value))
    return found["global"] | found["install"] | found[":env:"]


def uv_variables(options: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """What uv is to be told by variables, of what pip's options and the variables of requests say."""
    variables: dict[str, str] = {}

    def say(name: str, value: str | None) -> None:
        if value:
            variables[name] = value

    def words(option: str) -> list[str]:
        return options.get(option, "").split()

    if "UV_INDEX_URL" not in environment:  # an older name of the same, which stands too
        say("UV_DEFAULT_INDEX", options.get("index-url"))
    say("UV_INDEX", " ".join(words("extra-index-url")))
    if words("extra-index-url"):
        say("UV_INDEX_STRATEGY", "unsafe-best-match")  # as pip: any index may have it; the hash says which file it is
    say("UV_FIND_LINKS", ",".join(words("find-links")))
    say("UV_INSECURE_HOST", " ".join(words("trusted-host")))
    if options.get("keyring-provider", "disabled") in ("import", "subprocess"):
        say("UV_KEYRING_PROVIDER", "subprocess")
    say("UV_HTTP_TIMEOUT", options.get("timeout", options.get("default-timeout")))
    certificates = options.get("cert") or environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE")
    say("SSL_CERT_DIR" if certificates and Path(certificates).is_dir() else "SSL_CERT_FILE", certificates)
    say("SSL_CLIENT_CERT", options.get("client-cert"))
    if proxy := options.get("proxy"):
        proxy = proxy if urlsplit(proxy).netloc else f"http://{proxy}"
        variables |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy}
    return variables


def main() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    if listed.returncode:
        sys.exit("setup: `pip config list` failed: see above")
    options = pip_options(listed.stdout)
    variables, more = uv_variables(options, os.environ), []
    if options.get("no-index", "").lower() in TRUE:
        more.append("--no-index")  # of which uv has no variable
    kept = {name: value for name, value in os.environ.items() if name.startswith("UV_")}
    os.execvpe(sys.argv[1], [*sys.argv[1:], *more], os.environ | variables | kept)  # noqa: S606 - uv in this process's place


if __name__ == "__main__":
    main()
