# The commands that anyone needs. Everything is built with the release profile, so that C libraries are built once.

export PATH := $(HOME)/.cargo/bin:$(PATH)
CARGO ?= cargo
# Where cargo puts programs, also when CARGO_TARGET_DIR moves it.
BIN = $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/release

.PHONY: demo test bench-ingest bench-rollup check fmt chaos conformance clean tools bench-decode

## demo: real facts of four wards from Kafka to report rows, on this machine (DEMO_EXIT=1: leave when done)
demo: tools
	$(CARGO) build --release --locked --workspace --exclude chiso-bench --exclude chiso-chaos --bins
	@$(BIN)/chiso-local fetch
	@BIN=$(BIN) bash deploy/demo.sh

# All targets in one build: programs alone would be built with fewer features, and then again for the tests.
## test: everything that is promised, on real engines
test: tools
	$(CARGO) build --release --locked --workspace --all-targets
	@$(BIN)/chiso-local fetch
	$(CARGO) test --release --locked --workspace

# EVENTS=200000 RUNS=1: a quick try.
EVENTS ?= 2000000
RUNS ?= 3
SEED ?= 1
VENV = $(BIN)/bench-venv

## bench-ingest: chiso beside ClickHouse's Kafka engine, a Python consumer and the least that can be done
bench-ingest: tools $(VENV)/installed
	$(CARGO) build --release --locked --workspace --exclude chiso-chaos --bins
	@$(BIN)/chiso-local fetch
	@$(BIN)/bench-ingest --events $(EVENTS) --runs $(RUNS) --seed $(SEED) --python $(VENV)/bin/python

# FACTS=200000,1000000: a quick try.
## bench-rollup: passes by the facts stored, a rebuild, an audit, an analyst's questions, and ClickHouse's own views
bench-rollup: tools
	$(CARGO) build --release --locked --workspace --exclude chiso-chaos --bins
	@$(BIN)/chiso-local fetch
	@$(BIN)/bench-rollup $(if $(FACTS),--facts $(FACTS))

$(VENV)/installed: tests/bench/python/requirements.txt | tools
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r $<
	@touch $@

## check: format, lints and documentation, warnings denied
check: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --workspace --no-deps

## fmt: format the code
fmt:
	$(CARGO) fmt --all

## chaos: kills, pauses and bad lines under load for MINUTES (10), planned by SEED; fails if anything is lost or double
chaos: tools
	$(CARGO) build --release --locked --workspace --all-targets
	@$(BIN)/chiso-local fetch
	$(BIN)/chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

## conformance: the model against a reference implementation kept beside the checkout, on 20 seeds
conformance: tools
	$(CARGO) build --release --locked --workspace --all-targets
	$(BIN)/conformance --oracle $(or $(ORACLE),../shared/oracle) --seeds 20

## bench-decode: what an event costs in the worker alone, by criterion
bench-decode: tools
	$(CARGO) bench --locked --workspace --bench decode

## clean: remove what was built; fetched engines stay in the cache
clean:
	$(CARGO) clean

tools:
	@bash deploy/install-tools.sh

