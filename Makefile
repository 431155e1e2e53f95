ACTIVATE := . .venv/bin/activate &&
QUICK := -S data.source=tests/sample -S data.validation=100 -S train.epochs=15 -S train.batch_size=32 -S train.threads=1
# DVC reads and writes names in the locale's letters; with this in UTF-8, whatever the locale
export PYTHONUTF8 := 1
# DVC needs a name of the user, which a container may have none of
export USER ?= $(shell id -u)
# Another project's packages, and warnings as errors, are not for this project's programs
unexport PYTHONPATH PYTHONSAFEPATH PYTHONWARNINGS
# Git sets these in a hook, in an alias and in a linked worktree; Git and DVC in a copy of the project would obey them
unexport $(filter-out GIT_CONFIG_%,$(shell git rev-parse --local-env-vars 2>/dev/null))

##@ Start

help:  ## list these targets
	@awk -F ' *## ' '/^##@ / { printf "%s%s\n", gap, substr($$0, 5); gap = "\n" } /^[a-z-]+:.*## / { \
	  split($$1, name, ":"); split($$2, text, " [|] "); printf "  %-12s %s\n", name[1], text[1]; \
	  if (text[2]) printf "%15s%s\n", "", text[2] }' Makefile

# .venv is a link to .venvs/CHECKSUM-OF-THE-LOCK, renamed into place: a running training keeps its environment, and a
# branch finds its own again. Another .venv is never changed, and used if its file `ready` equals requirements.lock.
# uv takes pip's index-url and has settings of its own: https://docs.astral.sh/uv/configuration
setup: $(if $(shell cmp .venv/ready requirements.lock 2>&1),.venv/ready)  ## make .venv from requirements.lock
ENVIRONMENT := .venvs/$(shell cksum <requirements.lock | tr ' ' -)
UV := .venvs/uv-$(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)
PIP_INDEX = $(UV)/bin/python -m pip config list | sed -n "s/^[^=]*\.index.url='\(.*\)'/\1/p" | tail -n 1
RUN_UV = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(PIP_INDEX))}}" $(UV)/bin/uv --quiet
FOREIGN := $(filter-out .venvs/%,$(shell readlink .venv || ls -d .venv 2>/dev/null))

.venv/ready: $(if $(FOREIGN),,$(ENVIRONMENT)/ready)
	@$(if $(FOREIGN),$(error setup: .venv: not made by `make setup`, and not for this requirements.lock. Move it away, \
	  or install these packages into it and run `cp requirements.lock .venv/ready`))
	@ln -sfn $(ENVIRONMENT) .venvs/link
	@$(ENVIRONMENT)/bin/python -c 'import os; os.replace(".venvs/link", ".venv")'

$(ENVIRONMENT)/ready: | $(UV)/bin/uv
	@echo 'setup: installing the packages of requirements.lock, for about a minute' >&2
	@$(RUN_UV) venv --clear --python "$${UV_PYTHON:->=3.11,<3.14}" $(ENVIRONMENT)
	@$(RUN_UV) pip sync --require-hashes --compile-bytecode --python $(ENVIRONMENT)/bin/python requirements.lock
	@cp requirements.lock $@

$(UV)/bin/uv:
	@python3 -m venv --clear $(UV) && sed -n '/^uv==/,/[^\\]$$/p' requirements.lock >$(UV)/uv.lock
	@$(UV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(UV)/uv.lock

repro: setup  ## fetch the data, train what has changed, compare | JOBS=n: n trainings at a time
	@$(ACTIVATE) python -m tools.repro && python -m stages.report.summary
	@git diff --quiet HEAD -- dvc.lock 2>/dev/null; test $$? != 1 || printf '%s\n' '' 'The results are not the committed' \
	  'ones. This goes back, discarding edits of params.yaml, of which it keeps a copy:' 'make undo'

quick: setup  ## the whole pipeline on 1,200 images in a copy, in two minutes
	@$(ACTIVATE) python -m tools.quick $(QUICK)

report: setup  ## bring the page of results, plots/report.html
	@$(ACTIVATE) if dvc checkout --quiet plots/report.html 2>/dev/null || dvc pull --quiet plots/report.html; \
	  then echo "report: $$PWD/plots/report.html"; \
	  else echo 'report: no cache and no remote here has plots/report.html; `make repro` makes it'; fi

##@ Experiment

undo: setup  ## go back to the committed params.yaml and results
	@git diff HEAD --stat -- params.yaml dvc.lock search/dvc.lock metrics plots
	@if ! git show HEAD:./params.yaml | cmp -s - params.yaml; then cp -p params.yaml params.yaml.undone; \
	  echo 'undo: your params.yaml is now params.yaml.undone'; fi
	@rm -f params.yaml  # Git may take an edit of the same second and length for the committed file
	@$(ACTIVATE) git checkout --quiet HEAD -- params.yaml dvc.lock search/dvc.lock metrics plots && \
	  dvc checkout --allow-missing && \
	  { dvc status --quiet || echo 'undo: some outputs are in no cache here; `make repro` makes them'; }

search: setup  ## search for depth and width together | JOBS=n at a time; SCHEDULER=tcp://...: on a Dask cluster
	@$(ACTIVATE) $(if $(SCHEDULER),python -m tools.cluster search "$$SCHEDULER" $${PROCESSOR:+"$$PROCESSOR"}, \
	  dvc repro search/dvc.yaml)

adopt: setup  ## write the search's best networks into params.yaml
	@$(ACTIVATE) python -m tools.adopt

images: setup  ## make a data set of your own pictures | FROM=folders, an .npz or CSV; TO=folder; SIZE=28 scales
	@$(ACTIVATE) python -m tools.images $(foreach name,FROM TO SIZE FIT BACKGROUND GREY SKIP LABELS SEED TEST,"$(name)=$$$(name)")

cluster: setup  ## repro on a Dask cluster | SCHEDULER=tcp://..., or one started here; PROCESSOR=kind
	@$(ACTIVATE) python -m tools.cluster study "$$SCHEDULER" $${PROCESSOR:+"$$PROCESSOR"}

checkpoints: setup  ## list the stored trainings | PRUNE=30: remove those not used for 30 days
	@$(ACTIVATE) python -m tools.prune $${PRUNE:+"$$PRUNE"}

##@ Review and share

check: setup  ## do dvc.lock and metrics follow from the code? needs no data
	@$(ACTIVATE) python -m tools.check

equivalence: setup  ## show that a change of code changes no result | BASE=origin/main: the changes of a whole branch
	@$(ACTIVATE) python -m tools.equivalence $${BASE:+"$$BASE"}

pr-report: setup  ## what the branch changes, as Markdown; needs no data | BASE=origin/main: against this revision
	@$(ACTIVATE) python -m tools.pr_report "$${BASE:-origin/main}"

##@ Develop

test: lint  ## lint, types and tests | SLOW=1: the long tests
	$(ACTIVATE) pytest $(if $(SLOW),-m slow)

lint: setup  ## style and types
	$(ACTIVATE) ruff check . && ruff format --check . && mypy

bench: setup  ## time our training against other ways | NAMES='w2-4 depth-1', IMAGES=6400
	$(ACTIVATE) python -m tools.benchmark $${NAMES} $${IMAGES:+--images "$$IMAGES"}

##@ Maintain

hooks: setup  ## let Git run ruff and DVC at commit, checkout and push
	@test -e .git || { echo 'hooks: they need a repository of the folder itself, which `git init` makes' >&2; exit 1; }
	$(ACTIVATE) pre-commit install --install-hooks

lock: setup $(UV)/bin/uv  ## write requirements.lock again from pyproject.toml
	$(RUN_UV) pip compile --universal --generate-hashes --no-header --no-annotate --extra cluster --extra dev \
	  pyproject.toml --output-file requirements.lock
	$(ACTIVATE) python -m tools.lock

clean:  ## remove .venv and the caches of tools; results stay
	@$(if $(FOREIGN),echo 'clean: .venv stays: `make setup` did not make it' >&2,rm -f .venv)
	rm -rf .venvs .mypy_cache .pytest_cache .ruff_cache .hypothesis dvc_plots

.PHONY: help setup .venv/ready repro quick report undo search adopt images cluster checkpoints check equivalence
.PHONY: pr-report test lint bench hooks lock clean
