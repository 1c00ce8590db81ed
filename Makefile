# What can be done here. `make` alone prints it.

SHELL := bash
.DEFAULT_GOAL := help

THEME ?= Journaling for Anxiety
PLAN ?= standard
OUT ?= out
# What was typed is passed on as it was typed, quotes and dollars too.
override THEME := $(value THEME)
override PLAN := $(value PLAN)
override OUT := $(value OUT)
export THEME PLAN OUT
# Every service is a process of its own: without what Python compiled before, each start takes seconds.
unexport PYTHONDONTWRITEBYTECODE

bin := .venv/bin
dockerfiles = $(wildcard */Dockerfile)

.PHONY: help journal up test lint deep faults realtime-faults bench attacks crew-report format lock contracts local dev clean

help: ## print this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

journal: local ## craft both books: THEME="Journaling for Anxiety" PLAN=standard OUT=out
	@$(bin)/journalcraft craft "$$THEME" --plan "$$PLAN" --out "$$OUT"

up: local ## keep the platform running on http://127.0.0.1:8000
	@$(bin)/journalcraft up

# Two workers, each with servers of its own; `conftest.py` says what stays with one.
test: lint ## lint, types, import rules and every test, on real servers
	$(bin)/python -m pytest -n 2 --no-loadscope-reorder

deep: dev ## the tests that take longer, and the fault run in full size
	$(bin)/python -m pytest -m deep
	$(bin)/python -m tests.faults

faults: dev ## strike thousands of journals with hundreds of faults: SCALE=1
	$(bin)/python -m tests.faults

realtime-faults: dev ## kill gateways under a thousand sockets, and strike all around: SCALE=1
	$(bin)/python -m tests.realtime

bench: dev ## measure, beside the peers and beside our own goals: NAME=saga, fair, parked, crew, fanout or sockets
	@$(bin)/python -m tests.performance $(NAME)

attacks: dev ## try every attack in full size, on running services: GROUP=edge
	@$(bin)/python -m tests.attacks $(GROUP)

crew-report: dev ## a journal per theme, plan and model, and every check asked: THEMES= PLANS=
	@$(bin)/python -m tests.crew_report

lint: dev ## format, lint, types, import rules, Dockerfiles and compose
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/hadolint $(dockerfiles)
	$(bin)/docker-compose -f docker-compose.yml config --quiet

format: dev ## format the code and mend what can be mended
	$(bin)/ruff format .
	$(bin)/ruff check --fix .

lock: dev ## resolve the dependencies anew
	requirements/lock.sh

contracts: dev ## write the schemas and AsyncAPI documents anew
	$(bin)/python -m journal_contracts contracts

clean: ## remove what was installed and what was made, but no book
	rm -rf .venv .tools .state

local:
	@infra/bootstrap.sh local

dev:
	@infra/bootstrap.sh dev
