# hcc-omics: `make demo` and `make test` are all that a bare machine needs. `make help` lists the rest.
# Variables: CORES=4 (default: all), PYTHON=python3.12 (default: python3.11, else any newer), ARGS="-k gate" (for pytest).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

CORES ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
RUN := runs/demo
ASKED := $(RUN)/.cohort_asked
BIN := .venv/bin
SNAKEMAKE := $(BIN)/python -m snakemake
DEMO := $(SNAKEMAKE) --directory "$(RUN)" --configfile config/demo/config.yaml --cores $(CORES)

# What a person's shell says about Python must not reach the locked environment.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP PYTHONUSERBASE VIRTUAL_ENV
export PYTHONNOUSERSITE := 1

# Looked at with its own Python first: finding one takes a quarter of a second where versions are switched.
define SET_UP
@[ -z "$(PYTHON)" ] && $(BIN)/python -m scripts.setup.make_environment --look $(1) 2>/dev/null || { \
python=$$(sh scripts/setup/find_python.sh $(PYTHON)) || exit 1; \
"$$python" -m scripts.setup.make_environment $(1) $(if $(PYTHON),--this-python) $(if $(INSTALLER),--installer $(INSTALLER)); }
endef

.PHONY: help demo resume environment environment-dev test test-long slurm-tests lint format validate-methods bench bench-dag lock give-up clean-demo clean-environment

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "  make %-18s %s\n", $$1, $$2 }'

demo: environment ## make the demo cohort, run everything on it, say where the report is
	@mkdir -p "$(RUN)"
	@# A start of Snakemake takes seconds: asked only when the cohort is missing or something that may make another one is newer.
	@[ -f "$(RUN)/cohort/manifest.tsv" ] && [ -f "$(ASKED)" ] && [ -z "$$(find config rules scripts -type f -not -name '*.pyc' \
	  -newer "$(ASKED)" -print -quit)" ] || \
	  { touch "$(ASKED).now" && $(DEMO) make_cohort && mv "$(ASKED).now" "$(ASKED)"; }
	@$(DEMO)
	@echo "The report of the demo: $(RUN)/results/report/report.html"

resume: ## go on after a crash (RUN=runs/my-cohort; ARGS= other arguments of snakemake than the last time)
	@$(BIN)/python -m scripts.core.resume --directory "$(RUN)" $(ARGS)

environment: ## make .venv from requirements.lock (the other targets do it when needed)
	$(call SET_UP)

environment-dev: ## the same with what tests and linters need
	$(call SET_UP,--dev)

test: environment-dev ## all tests but the long ones, with the demo from end to end
	$(BIN)/python -m pytest -m "not long" $(ARGS)

test-long: environment-dev ## the tests that take minutes each
	$(BIN)/python -m pytest -m long $(ARGS)

slurm-tests: environment-dev ## real Slurm on this machine, as root (installs Debian's packages), and what it does to a run
	bash tests/slurm/slurm_up.sh --install
	status=0; $(BIN)/python -m pytest tests/slurm $(ARGS) || status=$$?; bash tests/slurm/slurm_down.sh; exit $$status

lint: environment-dev ## style of code and rules, and the house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	@mkdir -p .cache/lint
	$(SNAKEMAKE) --lint --directory .cache/lint
	$(BIN)/python -m pytest tests/unit/core/test_house_rules.py

format: environment-dev ## let ruff and snakefmt put code and rules into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

validate-methods: environment-dev ## every acceptance figure of the methods, into docs/validation.md (ARGS="-k word" or --list)
	$(BIN)/python -m tests.methods.validate_methods $(ARGS)

bench: environment-dev ## time and memory of the rules of the demo
	$(BIN)/python -m tests.bench.demo_costs "$(RUN)" $(BASE)

bench-dag: environment-dev ## cost of planning and scheduling (ARGS="--patients 100 1000 5000 --stub 1000")
	$(BIN)/python -m tests.bench.dag_costs $(ARGS)

lock: environment-dev ## resolve requirements*.in anew, write envs/*.yaml (UPGRADE=--upgrade moves the pins)
	sh scripts/setup/resolve_locks.sh $(UPGRADE)
	$(call SET_UP,--dev)
	$(BIN)/python -m scripts.setup.write_environments

give-up: environment ## record what keeps failing in run folder RUN, so that the rest goes on (PATIENT= MODALITY= REASON= for one pair)
	@$(BIN)/python -m scripts.core.give_up --directory "$(RUN)" $(if $(PATIENT),--patient $(PATIENT)) $(if $(MODALITY),--modality $(MODALITY)) $(if $(REASON),--reason "$(REASON)")

clean-demo: ## remove the demo run
	rm -rf "$(RUN)"

clean-environment: ## remove the environment and what its making left behind
	rm -rf .venv .cache/setup
