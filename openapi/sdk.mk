# `make sdk`: what is written by hand lies in openapi/<language>, what is generated joins it in target/sdk. Included by the Makefile.

SDK := target/sdk
SDK_PYTHON := $(SDK)/python
SDK_NODE := $(SDK)/node
SDK_RUST := $(SDK)/rust
DOCUMENT := openapi/openapi.json
LICENCES := LICENSE-MIT LICENSE-APACHE

.PHONY: sdk-python sdk-typescript sdk-rust
sdk-python: $(SDK_PYTHON)/.built
sdk-typescript: $(SDK_NODE)/.built
sdk-rust: $(SDK_RUST)/.built

.PHONY: tools-sdk
tools-sdk: $(SDK)/.python-tools $(SDK_NODE)/.tools

# Python: openapi-python-client. `tools` is for what is made and tried here, `site` holds the wheel as a user has it.
SDK_PYTHON_RUN := PYTHONPATH=$(CURDIR)/$(SDK)/python-tools PATH="$(CURDIR)/$(SDK)/python-tools/bin:$$PATH" python3
PIP_QUIET := --quiet --disable-pip-version-check --root-user-action ignore

$(SDK)/.python-tools: openapi/python/tools.txt
	@mkdir -p $(SDK)
	rm -rf $(SDK)/python-tools
	python3 -m pip install $(PIP_QUIET) --no-deps --target $(SDK)/python-tools --requirement openapi/python/tools.txt
	@touch $@

$(SDK_PYTHON)/.built: $(SDK)/.python-tools $(DOCUMENT) $(LICENCES) openapi/sdk.mk $(shell find openapi/python -type f)
	rm -rf $(SDK_PYTHON) $(SDK)/python-site
	cp -r openapi/python $(SDK_PYTHON)
	cp $(LICENCES) $(SDK_PYTHON)
	$(SDK_PYTHON_RUN) -m openapi_python_client generate --path $(DOCUMENT) --config openapi/python/generator.yaml --meta none --fail-on-warning \
		--output-path $(SDK_PYTHON)/doorward/generated --overwrite
	$(SDK_PYTHON_RUN) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir $(SDK_PYTHON)/dist $(SDK_PYTHON)
	$(SDK_PYTHON_RUN) -m pip install $(PIP_QUIET) --no-deps --no-index --target $(SDK)/python-site $(SDK_PYTHON)/dist/*.whl
	@touch $@

# TypeScript: openapi-typescript, with openapi-fetch beneath. What npm packs is unpacked beside the tools, as a user has it.
$(SDK_NODE)/.tools: openapi/typescript/tools/package-lock.json
	@mkdir -p $(SDK_NODE)
	cp openapi/typescript/tools/package.json openapi/typescript/tools/package-lock.json $(SDK_NODE)
	npm ci --silent --no-audit --no-fund --prefix $(SDK_NODE)
	@rm -f $(SDK_NODE)/.built
	@touch $@

$(SDK_NODE)/.built: $(SDK_NODE)/.tools $(DOCUMENT) $(LICENCES) openapi/sdk.mk $(shell find openapi/typescript -type f)
	rm -rf $(SDK_NODE)/doorward $(SDK_NODE)/node_modules/doorward
	mkdir -p $(SDK_NODE)/doorward $(SDK_NODE)/node_modules/doorward
	cp -r openapi/typescript/package.json openapi/typescript/tsconfig.json openapi/typescript/README.md openapi/typescript/src $(LICENCES) $(SDK_NODE)/doorward
	cp $(DOCUMENT) $(SDK_NODE)/doorward
	cd $(SDK_NODE)/doorward && npm run --silent generate && npm run --silent build && npm pack --silent
	tar -xzf $(SDK_NODE)/doorward/doorward-*.tgz --strip-components 1 -C $(SDK_NODE)/node_modules/doorward
	cp -r openapi/typescript/examples $(SDK_NODE)
	$(SDK_NODE)/node_modules/.bin/tsc --project $(SDK_NODE)/examples
	@touch $@

# Rust: progenitor, which reads the older form of the document, run by a program of its own, so that who uses the package does not build it.
$(SDK_RUST)/.built: $(DOCUMENT) $(LICENCES) openapi/sdk.mk $(shell find openapi/rust -type f)
	rm -rf $(SDK_RUST)
	cp -r openapi/rust $(SDK_RUST)
	cp $(LICENCES) $(SDK_RUST)
	cargo run --quiet -- openapi --version 3.0 > $(SDK)/openapi-3.0.json
	CARGO_TARGET_DIR=$(SDK)/rust-target cargo run --quiet --locked --manifest-path openapi/rust/generator/Cargo.toml $(SDK)/openapi-3.0.json $(SDK_RUST)/src/generated.rs
	CARGO_TARGET_DIR=$(SDK)/rust-target cargo build --quiet --locked --all-features --examples --manifest-path $(SDK_RUST)/Cargo.toml
	@touch $@
