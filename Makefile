ACTIVATE := . .venv/bin/activate &&
QUICK := -S data.source=tests/sample -S data.validation=100 -S train.epochs=15 -S train.batch_size=32 -S train.threads=1
# DVC reads and writes names in the locale's letters; with this in UTF-8, whatever the locale
export PYTHONUTF8 := 1

.PHONY: help setup repro cluster quick search adopt images test bench mutants lint gate same kept pr-report report hooks remote verify audit lock clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { count = split($$2, words, " "); line = sprintf("%-11s", $$1); \
	  for (k = 1; k <= count; k++) { \
	    if (length(line " " words[k]) > 80) { print line; line = sprintf("%11s", "") } \
	    line = line " " words[k] } \
	  print line }' Makefile

setup: .venv/ready  ## make the environment: .venv, with the packages of requirements.lock

# A variable of the command line is in a recipe's environment too, where the shell can quote what it holds
.venv/ready: requirements.lock
	@sh tools/environment.sh make "$$PYTHON"

repro: setup  ## fetch the data, train what has changed, compare; JOBS=n: n trainings at a time
	@$(ACTIVATE) python -m tools.repro $${JOBS:+"$$JOBS"} && python -m tools.outcome

cluster: setup  ## the same on a Dask cluster: SCHEDULER=tcp://..., or one started here; GIT=address that workers reach
	$(ACTIVATE) python -m tools.cluster.run "$$SCHEDULER" "$$GIT"

quick: setup  ## the whole pipeline on a sample of 1,200 images, in a temporary copy: what the study shows, in two minutes
	@$(ACTIVATE) copy=$$(python -m tools.quick $(QUICK)) && cd "$$copy" && python -m tools.repro $${JOBS:+"$$JOBS"} && python -m tools.outcome "$$copy"

search: setup  ## search for layers and kernels together; JOBS=n trainings at a time, or on a Dask cluster: SCHEDULER=, GIT=
	@$(ACTIVATE) $(if $(SCHEDULER),python -m tools.cluster.search "$$SCHEDULER" "$$GIT" &&) dvc repro search/dvc.yaml

adopt: setup  ## write the best of the search under each budget into params.yaml, as study.found
	@$(ACTIVATE) python -m tools.adopt

images: setup  ## make the folder TO, for data.source, of your own pictures FROM; SIZE=28 scales: docs/your-own.md
	@$(ACTIVATE) python -m tools.images $(foreach name,FROM TO SIZE FIT BACKGROUND GREY SKIP LABELS SEED TEST,"$(name)=$$$(name)")

test: lint  ## the same environment, lint, types and tests; SLOW=1: the long ones, of whole runs, queues and clusters
	$(ACTIVATE) pytest $(if $(SLOW),-m slow)

bench: setup  ## time our training against other ways; FULL=1: the whole study; KINDS=1: other networks; PIECES=1: our layers
	$(ACTIVATE) python -m tools.measuring.benchmark $(if $(FULL),--full) $(if $(KINDS),--kinds) $(if $(PIECES),--pieces)

mutants: setup  ## which small wrong changes of the modules that only compute do the tests let pass? SAMPLE=1: of others
	@$(ACTIVATE) python -m tools.$(if $(SAMPLE),sampled_)mutants

lint: setup  ## style and types
	$(ACTIVATE) ruff check . && ruff format --check . && mypy

gate: setup  ## is dvc.lock up with the code and the parameters? needs no data
	@$(ACTIVATE) python -m tools.gate

same: setup  ## does a change of code change no result? then bring dvc.lock up to date; BASE=origin/main: of a whole branch
	@$(ACTIVATE) python -m tools.same $${BASE:+"$$BASE"}

kept: setup  ## list the trainings that are kept so that none is repeated; PRUNE=1: remove what nothing asks for
	@$(ACTIVATE) python -m tools.kept $(if $(PRUNE),--prune)

pr-report: setup  ## what the branch changes against BASE (origin/main), as Markdown; needs no data
	@$(ACTIVATE) python -m tools.pr_report "$${BASE:-origin/main}"

report: setup  ## fetch the page of results, plots/report.html, from the cache or the remote; where none has it, say so
	@$(ACTIVATE) if dvc checkout --quiet plots/report.html 2>/dev/null || dvc pull --quiet plots/report.html; \
	then echo "report: $$PWD/plots/report.html"; \
	else echo 'report: no cache and no remote here has plots/report.html; `make repro` makes it'; fi

hooks: setup  ## let Git run ruff and DVC at every commit, checkout and push
	@test -e .git || { echo 'hooks: they need a repository of the folder itself, which `git init` makes' >&2; exit 1; }
	$(ACTIVATE) pre-commit install --install-hooks

remote: setup  ## check that the remote holds, undamaged, what dvc.lock names; REPAIR=1: put back what it lacks
	@$(ACTIVATE) python -m tools.remote $(if $(REPAIR),--repair)

verify: setup  ## check every file of DVC's cache against its checksum
	@$(ACTIVATE) python -m tools.remote --cache

audit: setup  ## look the packages up among the known vulnerabilities (needs the network)
	$(ACTIVATE) pip-audit --strict --requirement requirements.lock --require-hashes --disable-pip \
	|| { echo 'audit: a package is vulnerable, or could not be looked up: see above' >&2; exit 1; }

lock:  ## write requirements.lock anew from pyproject.toml (needs uv)
	"$${PYTHON:-python3}" -m tools.uv uv pip compile --universal --generate-hashes --no-header --no-annotate --extra cluster --extra dev pyproject.toml --output-file requirements.lock
	"$${PYTHON:-python3}" -m tools.lock

clean:  ## remove the environment and the caches of tools; what was trained stays
	@sh tools/environment.sh remove
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis dvc_plots
