# The recipes are short on purpose: what is longer belongs in the tool.

ARCH ?= x86_64
BOOTSTRAP = target/bootstrap/$(ARCH)/bootstrap
LAYER = target/layer/rhambda-layer-$(ARCH).zip
RHAMBDA = target/debug/rhambda

TARGET_x86_64 = x86_64-unknown-linux-gnu
TARGET_arm64 = aarch64-unknown-linux-gnu
$(if $(TARGET_$(ARCH)),,$(error ARCH is "$(ARCH)"; there are x86_64 and arm64))

# Static and at a fixed address: nothing is left to be done before `main`.
STATIC = -C target-feature=+crt-static -C relocation-model=static
# Few pages, of which those that a cold start runs lie side by side (tests/bench/order), and the rest so
# that it zips well. Rust's own linker knows how, which it brings along for this target only. Stacks are
# unwound after a panic only, and then by what the program registers at its start, so the table to find
# frames by (70 KB that do not zip) is left out.
STATIC_x86_64 = -C link-arg=-Wl,-z,noseparate-code,--icf=all,--no-eh-frame-hdr \
  -C link-arg=-Wl,--symbol-ordering-file=runtime/start.order,--no-warn-symbol-ordering,--bp-compression-sort=both

# The cargo that builds bootstrap. It needs the standard library of the target.
BOOTSTRAP_CARGO ?= cargo
ifneq ($(shell uname -m),aarch64)
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER ?= aarch64-linux-gnu-gcc
export CC_aarch64_unknown_linux_gnu ?= aarch64-linux-gnu-gcc
endif

.DEFAULT_GOAL := help
.PHONY: help run test bootstrap layer tool docs lint deny fmt check soak bench parts fuzz clean

help: ## Show what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: bootstrap tool ## Build bootstrap and send an API Gateway event through a script
	$(RHAMBDA) invoke scripts/orders_api.rhai --bootstrap $(BOOTSTRAP) --event scripts/orders_api.event.json

test: bootstrap layer ## Install what the tests need, and run them all
	tests/install
	cargo test --workspace

bootstrap: ## Build target/bootstrap/$(ARCH)/bootstrap, one static file
	RUSTFLAGS="$(STATIC) $(STATIC_$(ARCH))" $(BOOTSTRAP_CARGO) build --release -p rhambda-runtime --bin bootstrap \
	  --target $(TARGET_$(ARCH)) --target-dir target/static
	@mkdir -p $(dir $(BOOTSTRAP)) && cp target/static/$(TARGET_$(ARCH))/release/bootstrap $(BOOTSTRAP)
	@echo "$(BOOTSTRAP): $$(stat -c %s $(BOOTSTRAP)) bytes, zipped about $$(gzip -9 -c $(BOOTSTRAP) | wc -c)"

layer: bootstrap tool ## Write the layer's zip
	cargo run -q -p rhambda-tests --bin notices -- $(TARGET_$(ARCH)) > $(dir $(BOOTSTRAP))THIRD-PARTY.txt
	@mkdir -p $(dir $(LAYER))
	$(RHAMBDA) layer --arch $(ARCH) --bootstrap $(BOOTSTRAP) -o $(LAYER)

tool: ## Build the tool, rhambda
	cargo build -p rhambda-layer --bin rhambda

docs: ## Write runtime/docs and layer/docs, the references and the editors' definitions, from the engine
	cargo run -q -p rhambda-tests --bin docs

lint: ## Run the linter on everything
	cargo clippy --workspace --all-targets -- -D warnings

deny: ## Look at the licences, sources and known holes of all crates
	tests/install cargo-deny
	tests/deny

fmt: tool ## Format everything
	cargo fmt --all
	$(RHAMBDA) fmt scripts layer/templates tests/bench/scripts

soak: bootstrap ## Serve INVOCATIONS (a million) of mixed scripts, and see that nothing grows
	cargo run --release -q -p rhambda-tests --bin soak -- $(or $(INVOCATIONS),1000000) $(SOAK)

bench: layer ## Measure bootstrap beside its peers (QUICK=1: about two minutes)
	tests/bench/install
	tests/bench/target/release/rhambda-bench $(if $(QUICK),--quick)

parts: ## Measure what each part of the layer adds to its zip (an hour)
	ARCH=$(ARCH) tests/bench/parts

fuzz: ## Look for inputs that break a parser (MINUTES=10, all targets or TARGET=name; tests/fuzz)
	tests/fuzz/run $(or $(MINUTES),10) $(TARGET)

check: test lint deny ## Everything that CI runs
	cargo fmt --all --check

clean: ## Remove what was built
	rm -rf target .cache
