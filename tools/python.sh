#!/bin/sh
# Which Python makes the environment: PYTHON, else the first one here that the packages support, else one that uv fetches.
#
#     sh tools/python.sh [PYTHON]
#
# Its command is the one line on stdout. Where that is not `python3`, or there is none, stderr says why.
supported='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
version='import sys; print("Python %d.%d" % tuple(sys.version_info[:2]))'
needed='3.11 to 3.13 is needed'

say() {
  echo "setup: $*" >&2
}

if [ -n "${1:-}" ]; then
  "$1" -c "$supported" && echo "$1" && exit
  say "PYTHON holds $1, $("$1" -c "$version" 2>/dev/null || echo 'which does not run'); $needed"
  exit 1
fi

if python3 -c "$supported" 2>/dev/null; then
  echo python3
  exit
fi
say "python3 is $(python3 -c "$version" 2>/dev/null || echo 'not there'), and $needed"
for name in python3.13 python3.12 python3.11; do
  if "$name" -c "$supported" 2>/dev/null; then
    say "takes $name"
    echo "$name"
    exit
  fi
done

scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
if ! uv=$(command -v uv); then
  uv=$scratch/bin/uv
  sed -n '/^uv==/,/[^\\]$/p' requirements.lock >"$scratch/uv.lock" &&
    python3 -m venv "$scratch" >&2 &&
    "$scratch/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
      --requirement "$scratch/uv.lock" >&2
fi
if "$uv" python install 3.13 >&2 && found=$("$uv" python find --managed-python --no-project --system 3.13); then
  say "takes $found, which uv has fetched"
  echo "$found"
else
  say "no Python of these is here, and uv could not fetch one; make PYTHON=... takes one that is elsewhere"
  exit 1
fi
