# SPDX-License-Identifier: GPL-3.0-or-later
# tests/tools/make.py does the work; `make test ARGS="--only ruff,unit"` hands it words.
PYTHON ?= /usr/bin/python3
ARGS ?=
# -u: also where the output goes to a file, each line is there when it is due, before what a program of ours prints.
RUN = $(PYTHON) -u tests/tools/make.py

.DEFAULT_GOAL := help
.PHONY: help deps test lint sanity unit build image machines demo bench soak lab release clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

deps: ## install what the checks need, after saying what
	@$(RUN) deps $(ARGS)

test: ## everything that checks the project, the emulated node included
	@$(RUN) test $(ARGS)

lint: ## the fast linters
	@$(RUN) test --only lint $(ARGS)

sanity: ## ansible-test sanity, of each supported ansible-core
	@$(RUN) test --only sanity $(ARGS)

unit: ## the unit tests, also under Python 3.9 and with newer releases of ansible-core where they can be
	@$(RUN) test --only unit,unit-py39,unit-2.20,unit-2.21 $(ARGS)

build: ## the collection's tarball, into tests/output
	@$(RUN) build $(ARGS)

image: ## the device plugin's container image, into tests/output; needs buildah, and no registry
	@$(RUN) image $(ARGS)

machines: ## the device plugin on arm64 and ppc64le, under QEMU's user mode; needs mmdebstrap and qemu-user-static
	@$(RUN) machines

demo: ## an emulated server with SR-IOV NICs, Kubernetes on it, site, and a pod that gets VFs
	@$(RUN) demo $(ARGS)

bench: ## the benchmarks (ARGS="--only node"); writes tests/bench/results.json, and fails above a limit
	@$(RUN) bench $(ARGS)

soak: ## the long loops (ARGS="--only cni,restarts" COUNT=20 SEED=7)
	@$(RUN) soak $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) $(ARGS)

lab: ## groups of long tests on the emulated node (ARGS="--only boot --resume", ARGS=--list names them)
	@$(RUN) lab $(ARGS)

release: ## add the row of a release to tests/support/releases.toml (ARGS="--commit HASH")
	@$(RUN) release $(ARGS)

clean: ## remove what the tools left in the checkout
	@$(RUN) clean
