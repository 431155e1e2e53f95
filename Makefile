ACTIVATE := . .venv/bin/activate &&
QUICK := -S data.source=tests/sample -S data.validation=100 -S train.epochs=15 -S train.batch_size=32 -S train.threads=1
# Python, and so DVC, uses UTF-8 for file names in every locale
export PYTHONUTF8 := 1
# DVC needs a user name; a container may have none
export USER ?= $(shell id -u)
# Ignore another project's packages, and warnings as errors
unexport PYTHONPATH PYTHONSAFEPATH PYTHONWARNINGS
# Git sets these in hooks, aliases and linked worktrees; Git and DVC in a copy of the project would obey them
unexport $(filter-out GIT_CONFIG_%,$(shell git rev-parse --local-env-vars 2>/dev/null))

##@ Start

help:  ## list these targets
	@awk -F ' *## ' '/^##@ / { printf "%s%s\n", gap, substr($$0, 5); gap = "\n" } /^[a-z-]+:.*## / { \
	  split($$1, name, ":"); split($$2, text, " [|] "); printf "  %-12s %s\n", name[1], text[1]; \
	  if (text[2]) printf "%15s%s\n", "", text[2] }' Makefile

# .venv is a link to .venvs/CHECKSUM-OF-THE-LOCK, so a running training keeps its environment and each branch has its
# own. A .venv of another tool is never changed; it is used if its file `ready` equals requirements.lock. uv uses pip's
# index-url and its own configuration: https://docs.astral.sh/uv/configuration. ALONE makes a second set-up wait.
setup: $(if $(shell cmp .venv/ready requirements.lock 2>&1),.venv/ready)  ## install requirements.lock into .venv
ENVIRONMENT := .venvs/$(shell cksum <requirements.lock | tr ' ' -)
UV := .venvs/uv-$(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)
PIP_INDEX = $(UV)/bin/python -m pip config list | sed -n "s/^[^=]*\.index.url='\(.*\)'/\1/p" | tail -n 1
RUN_UV = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(PIP_INDEX))}}" $(UV)/bin/uv --quiet
FOREIGN := $(filter-out .venvs/%,$(shell readlink .venv || ls -d .venv 2>/dev/null))

ALONE := python3 -c 'import fcntl, os, sys; lock = os.open(".venvs", os.O_RDONLY); os.set_inheritable(lock, True); \
  fcntl.flock(lock, fcntl.LOCK_EX); os.execvp(sys.argv[1], sys.argv[1:])'
.venv/ready:
	@$(if $(FOREIGN),$(error setup: .venv: not made by `make setup`, and not for this requirements.lock. Move it away, \
	  or install these packages into it and run `cp requirements.lock .venv/ready`))
	@mkdir -p .venvs && $(ALONE) $(MAKE) --no-print-directory .venvs/link

.venvs/link: $(ENVIRONMENT)/ready
	@ln -sfn $(ENVIRONMENT) .venvs/link
	@$(ENVIRONMENT)/bin/python -c 'import os; os.replace(".venvs/link", ".venv")'

$(ENVIRONMENT)/ready: | $(UV)/bin/uv
	@echo 'setup: installing requirements.lock, which takes about a minute' >&2
	@$(RUN_UV) venv --clear --python "$${UV_PYTHON:->=3.11,<3.14}" $(ENVIRONMENT)
	@$(RUN_UV) pip sync --require-hashes --compile-bytecode --python $(ENVIRONMENT)/bin/python requirements.lock
	@cp requirements.lock $@

$(UV)/bin/uv:
	@python3 -m venv --clear $(UV) && sed -n '/^uv==/,/[^\\]$$/p' requirements.lock >$(UV)/uv.lock
	@$(UV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(UV)/uv.lock

repro: setup  ## train changed networks, compare all | JOBS=n: n trainings side by side
	@$(ACTIVATE) python -m tools.repro && python -m stages.report.summary
	@git diff --quiet HEAD -- dvc.lock 2>/dev/null; test $$? != 1 || printf '%s\n' '' \
	  'The results differ from the committed ones. To restore those (a copy of your' \
	  'params.yaml stays in params.yaml.undone):' 'make undo'

quick: setup  ## run the pipeline on 1,200 images, in a copy
	@$(ACTIVATE) python -m tools.quick $(QUICK)

report: setup  ## restore the page plots/report.html
	@$(ACTIVATE) if dvc checkout --quiet plots/report.html 2>/dev/null || dvc pull --quiet plots/report.html; \
	  then echo "report: $$PWD/plots/report.html"; \
	  else echo 'report: plots/report.html: in no cache and no remote. Run `make repro`' >&2; exit 1; fi

##@ Experiment

undo: setup  ## restore the committed params.yaml and results
	@git diff HEAD --stat -- params.yaml dvc.lock search/dvc.lock metrics plots
	@if test -e params.yaml && ! git show HEAD:./params.yaml | cmp -s - params.yaml; then copy=params.yaml.undone; \
	  while test -e $$copy; do n=$$((n + 1)) && copy=params.yaml.undone.$$n; done; mv params.yaml $$copy && \
	  echo "undo: your params.yaml is now $$copy"; fi
	@$(ACTIVATE) git checkout --quiet HEAD -- params.yaml dvc.lock search/dvc.lock metrics plots && \
	  for model in data/models/*; do grep -q " $$model$$" dvc.lock || rm -rf "$$model"; done && \
	  dvc checkout --allow-missing && \
	  { dvc status --quiet || echo 'undo: some outputs are in no cache. Run `make repro`'; }

search: setup  ## search for depth and width together | JOBS=n: side by side; SCHEDULER=tcp://...: on a cluster
	@$(ACTIVATE) $(if $(SCHEDULER),python -m tools.cluster search "$$SCHEDULER" $${PROCESSOR:+"$$PROCESSOR"}, \
	  dvc repro search/dvc.yaml)

adopt: setup  ## add the search's best networks to params.yaml
	@$(ACTIVATE) python -m tools.adopt

images: setup  ## make a data set of your own pictures | FROM=folder, .npz or CSV; TO=folder; SIZE=28: scale
	@$(ACTIVATE) python -m tools.images $(foreach name,FROM TO SIZE FIT BACKGROUND GREY SKIP LABELS SEED TEST,"$(name)=$$$(name)")

cluster: setup  ## run repro on a Dask cluster | SCHEDULER=tcp://..., default: one started here; PROCESSOR=kind
	@$(ACTIVATE) python -m tools.cluster study "$$SCHEDULER" $${PROCESSOR:+"$$PROCESSOR"}

checkpoints: setup  ## list the stored trainings | PRUNE=30: remove those not used for 30 days
	@$(ACTIVATE) python -m tools.prune $${PRUNE:+"$$PRUNE"}

##@ Review and share

check: setup  ## check that results match code and parameters
	@$(ACTIVATE) python -m tools.check

equivalence: setup  ## show that changed code changes no result | BASE=origin/main: for a whole branch
	@$(ACTIVATE) python -m tools.equivalence $${BASE:+"$$BASE"}

pr-report: setup  ## print a branch's changes, as Markdown | BASE=origin/main: compare with this revision
	@$(ACTIVATE) python -m tools.pr_report "$${BASE:-origin/main}"

##@ Develop

test: lint  ## run lint, types and tests | SLOW=1: the long tests
	$(ACTIVATE) pytest $(if $(SLOW),-m slow)

lint: setup  ## check style and types
	$(ACTIVATE) ruff check . && ruff format --check . && mypy

bench: setup  ## time training against Keras and PyTorch | NAMES='w2-4 depth-1' IMAGES=6400 SHAPE=32x32x3
	$(ACTIVATE) python -m tools.benchmark $${NAMES} $${IMAGES:+--images "$$IMAGES"} $${SHAPE:+--shape "$$SHAPE"}

##@ Maintain

hooks: setup  ## let Git run ruff and DVC
	@test -e .git || { echo 'hooks: not the top folder of a Git repository. Run `git init`' >&2; exit 1; }
	$(ACTIVATE) pre-commit install --install-hooks

lock: setup $(UV)/bin/uv  ## pin the packages of pyproject.toml
	$(RUN_UV) pip compile --universal --generate-hashes --no-header --no-annotate --extra cluster --extra dev \
	  pyproject.toml --output-file requirements.lock
	$(ACTIVATE) python -m tools.lock

clean:  ## remove environments and caches, not results
	@$(if $(FOREIGN),echo 'clean: .venv stays: `make setup` did not make it' >&2,rm -f .venv)
	rm -rf .venvs .mypy_cache .pytest_cache .ruff_cache .hypothesis dvc_plots

.PHONY: help setup .venv/ready .venvs/link repro quick report undo search adopt images cluster checkpoints check
.PHONY: equivalence pr-report test lint bench hooks lock clean
