#!/bin/sh
# The environment, .venv: a link to a folder below .venvs, each made once, from one requirements.lock.
#
#     sh tools/environment.sh make [PYTHON]
#     sh tools/environment.sh remove
#
# A folder is built under the name that it keeps, for its scripts hold it, and the link is replaced when all of it is
# there. So what runs in another environment goes on, an interruption leaves .venv as it was, and nothing is emptied or
# removed that this has not made.
set -eu
lock=requirements.lock

fail() {
  echo "setup: $*" >&2
  exit 1
}

# Whether a folder is an environment of this lock file, in the place for which it was made
of_this_lock() {
  cmp -s "$1/ready" "$lock" && "$1/bin/python" -c '' 2>/dev/null
}
in_its_place() {
  [ "$(. "$1/bin/activate" && echo "$VIRTUAL_ENV")" = "$(pwd -P)/$1" ]
}

# Whose .venv is: `none` is there, `made` by this, `old` before there were links, or `other`
whose() {
  if [ -L .venv ]; then
    case $(readlink .venv) in .venvs/*) echo made ;; *) echo other ;; esac
  elif [ ! -e .venv ]; then
    echo none
  elif [ -f .venv/ready ] && [ -f .venv/uv.lock ] && [ ! -L .venv/bin ]; then
    echo old
  else
    echo other
  fi
}

# Let .venv lead there. A rename, as `ln -f` removes the old link first
lead_to() {
  touch "$1/ready"
  [ "$(whose)" != old ] || mv .venv "$(mktemp -d .venvs/XXXXXX)/venv"
  ln -s "$1" ".venvs/link-$$"
  "$1/bin/python" -c 'import os, sys; os.replace(sys.argv[1], ".venv")' ".venvs/link-$$"
}

make_environment() {
  owner=$(whose)
  if [ -z "${1:-}" ] && of_this_lock .venv; then
    touch .venv/ready 2>/dev/null || : # another's folder may be read-only; it is looked at again the next time
    exit
  fi
  if [ "$owner" = other ]; then
    what=.venv
    [ ! -L .venv ] || what=".venv, a link to $(readlink .venv),"
    fail "$what is not of set-up's making, and stays as it is: move it away, or, where it holds the packages of" \
      "$lock, tell so by \`cp $lock .venv/ready\`"
  fi
  if [ -z "${1:-}" ] && [ "$owner" = made ]; then
    for folder in .venvs/*; do
      if of_this_lock "$folder" && in_its_place "$folder"; then
        lead_to "$folder"
        exit
      fi
    done
  fi

  python=$(sh tools/python.sh "${1:-}")
  mkdir -p .venvs
  new=$(mktemp -d .venvs/XXXXXX)
  trap 'rm -rf "$new"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  chmod "$(umask -S)" "$new" # of mktemp it is for its owner alone
  "$python" -m venv "$new"
  sed -n '/^uv==/,/[^\\]$/p' "$lock" >"$new/uv.lock"
  "$new/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$new/uv.lock"
  "$new/bin/python" -m tools.uv "$new/bin/uv" pip install --quiet --python "$new/bin/python" --require-hashes \
    --compile-bytecode --requirement "$lock"
  cp "$lock" "$new/ready"
  lead_to "$new"
  trap - EXIT
  if [ "$owner" != none ]; then
    echo "setup: .venv is new; what runs in the old one goes on in .venvs, which \`make clean\` removes with all in it" >&2
  fi
}

remove() {
  case $(whose) in
  other) echo "clean: .venv is not of set-up's making, and stays" >&2 ;;
  *) rm -rf .venv ;;
  esac
  rm -rf .venvs
}

case ${1:-} in
make) make_environment "${2:-}" ;;
remove) remove ;;
*) fail "$0 is given '${1:-}', may be given make or remove" ;;
esac
