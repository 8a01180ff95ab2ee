# Two commands for newcomers: `make run` and `make test`. Both install what they need and lack.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The rate of a login depends on the CPU's vector units: what is built here runs here.
NATIVE := RUSTFLAGS="-C target-cpu=native"

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | column -t -s $$'\t'

.PHONY: run
run: tools-build ## Build for this machine and serve on 127.0.0.1:8000
	$(NATIVE) cargo run --profile quick --target-dir target/native

.PHONY: test
test: tools-test sdk check-format check-lints check-deny ## Everything: lints, unit, store, API on both engines, browser, durability, README, instruction counts
	cargo test
	cargo bench --bench counts

.PHONY: check
check: tools-test check-format check-lints ## The quick part: lints, unit tests, API on SQLite
	cargo test --lib --test quick -- --skip postgres

.PHONY: check-format
check-format:
	cargo fmt --check

.PHONY: check-lints
check-lints:
	cargo clippy --all-targets -- -D warnings

.PHONY: check-document
check-document: tools-test ## Lint the document, compare it with the last release's, and try the program against it
	cargo test --test quick -- document::

.PHONY: check-deny
check-deny: tools-deny
	cargo deny check bans licenses sources

# Of this machine's target, without what only the build needs.
.PHONY: sbom
sbom: tools-build ## Write the bill of materials (CycloneDX, JSON) to target/doorward.cdx.json
	command -v cargo-cyclonedx > /dev/null || cargo install cargo-cyclonedx --locked
	cargo cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --override-filename doorward.cdx
	mkdir -p target && sed 's|file://$(CURDIR)|file:///doorward|g' doorward.cdx.json > target/doorward.cdx.json
	rm doorward.cdx.json

# cargo-deny clones its database by git. A snapshot becomes a repository, and git is told that it is the one of the address.
ADVISORIES ?=
.PHONY: audit
audit: tools-deny ## Compare the dependencies with RustSec's advisories; ADVISORIES=folder takes a snapshot of its database, without network
ifeq ($(ADVISORIES),)
	cargo deny check advisories
else
	rm -rf target/advisories
	mkdir -p target/advisories/snapshot
	cp -R "$(ADVISORIES)/crates" target/advisories/snapshot
	cd target/advisories/snapshot && git init --quiet --initial-branch=main && git add . \
		&& git -c user.name=audit -c user.email=audit@localhost commit --quiet --message=snapshot
	sed '/^\[advisories\]/a db-path = "$(CURDIR)/target/advisories/databases"\ngit-fetch-with-cli = true' deny.toml > target/advisories/deny.toml
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0='url.file://$(CURDIR)/target/advisories/snapshot.insteadOf' GIT_CONFIG_VALUE_0=https://github.com/RustSec/advisory-db \
		CARGO_NET_OFFLINE=true cargo deny --config target/advisories/deny.toml check advisories
	@echo "The newest advisory of the snapshot is of $$(grep -rhoE '^date = "[0-9-]+"' target/advisories/snapshot/crates | cut -d '"' -f 2 | sort | tail -n 1)."
endif

# Every property test of the crate runs so many cases instead of its usual 256: make fuzz CASES=1000000
CASES := 20000
# And so many requests are made from the document against the program.
REQUESTS := 20000
.PHONY: fuzz
fuzz: tools-test ## Run the property tests in long rounds
	PROPTEST_CASES=$(CASES) PROPTEST_MAX_GLOBAL_REJECTS=$(CASES) cargo test --lib
	DOORWARD_REQUESTS=$(REQUESTS) cargo test --test quick -- --nocapture document::cases

# What takes minutes: each such test is ignored by `make test` and has torture in its name. ROUNDS=100 does less, SEED= brings the same chance again.
.PHONY: torture
torture: tools-test ## Crash it thousands of times and break what it stands on, in long runs; prints counts, seeds and failures
	cargo test --profile quick --test slow --test quick -- --ignored --nocapture --test-threads=1 torture

.PHONY: bench
bench: tools-bench ## Measure, as ratios against yardsticks in the same run; FIGURES="me sessions" only these
	$(NATIVE) cargo bench --bench doorward --target-dir target/native -- $(FIGURES)

.PHONY: counts
counts: tools-test ## Write benches/counts.txt, the instructions per request, anew
	cargo bench --bench counts -- write

.PHONY: picture
picture: tools-test ## Draw the dashboard's queries under load into ops/dashboard.png
	cargo build --profile quick
	[ -d target/picture/matplotlib ] || python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target target/picture matplotlib
	PYTHONPATH=target/picture python3 ops/picture.py

.PHONY: openapi
openapi: ## Write openapi/openapi.json from the routes
	[ -e openapi/openapi.json ] || echo '{"paths": {}}' > openapi/openapi.json
	cargo run --quiet -- openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

.PHONY: docs
docs: ## Write the generated pages of docs/ again
	WRITE_DOCS=1 cargo test --test quick -- docs::

# make test-one TEST=api::login
TEST :=
.PHONY: test-one
test-one: tools-test ## Run the tests whose names contain TEST
	@[ -n "$(TEST)" ] || { echo "usage: make test-one TEST=api::login"; exit 1; }
	cargo test -- $(TEST)

.PHONY: sdk
sdk: sdk-python sdk-typescript sdk-rust ## Make the clients for Python, TypeScript and Rust in target/sdk, ready to publish

include openapi/sdk.mk

# Django keeps a list of common passwords; ours is its part that the length rule lets through, and its
# shorter words, which people lengthen by digits.
DJANGO := 5.2.19
.PHONY: common-passwords
common-passwords: ## Make src/model/common_passwords.txt anew from Django's list
	python3 -m pip download --quiet --no-deps --dest target/django django==$(DJANGO)
	unzip -p target/django/django-$(DJANGO)-py3-none-any.whl django/contrib/auth/common-passwords.txt.gz | gunzip | tr '[:upper:]' '[:lower:]' \
		| LC_ALL=C grep -xE '[ -~]{8,}|[a-z]{4,7}' | LC_ALL=C sort -u > target/common_passwords.txt
	{ head -n 1 src/model/common_passwords.txt; cat target/common_passwords.txt; } > target/common_passwords.new
	mv target/common_passwords.new src/model/common_passwords.txt

# What Debian has and a bare machine lacks. Each line fails loudly if it cannot be had.
.PHONY: tools-build
tools-build:
	@command -v cargo > /dev/null || { echo "Rust is needed: https://rustup.rs"; exit 1; }
	@command -v cc > /dev/null || $(call install,gcc libc6-dev)

.PHONY: tools-deny
tools-deny: tools-build
	@command -v cargo-deny > /dev/null || cargo install cargo-deny --locked

# What tests and measurements both stand on.
.PHONY: tools-shared
tools-shared: tools-build
	@ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || command -v initdb > /dev/null || $(call install,postgresql)
	@command -v node > /dev/null && command -v npm > /dev/null || $(call install,nodejs npm)
	@python3 -m pip --version > /dev/null 2>&1 || $(call install,python3 python3-pip)

.PHONY: tools-test
tools-test: tools-shared
	@command -v chromium > /dev/null && command -v chromedriver > /dev/null || $(call install,chromium chromium-driver)
	@command -v valgrind > /dev/null || $(call install,valgrind)
	@command -v curl > /dev/null || $(call install,curl)
	@[ -d target/python/jwt ] || python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target target/python 'pyjwt[crypto]==2.*'
	@[ -d target/python/passlib ] || python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --upgrade --target target/python 'passlib==1.7.*' 'bcrypt<4.1' 'django==5.2.*' argon2-cffi
	@[ -d target/node/node_modules/jose ] || npm install --silent --no-audit --no-fund --prefix target/node jose@6
	@[ -x target/linters/node_modules/.bin/redocly ] && [ -x target/linters/node_modules/.bin/spectral ] || npm install --silent --no-audit --no-fund --prefix target/linters @redocly/cli@2.77.0 @stoplight/spectral-cli@6.16.3
	@[ -d target/python-document/schemathesis ] && [ -d target/python-document/openapi_spec_validator ] || python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --upgrade --target target/python-document 'schemathesis==4.32.5' 'openapi-spec-validator==0.9.0'
	@$(MAKE) --no-print-directory tools-sdk
	@command -v prometheus > /dev/null || [ -x target/prometheus/usr/bin/prometheus ] || $(call unpack,prometheus)
	@command -v nginx > /dev/null || [ -x target/nginx/usr/sbin/nginx ] || $(call unpack,nginx)
	@command -v caddy > /dev/null || [ -x target/caddy/usr/bin/caddy ] || $(call unpack,caddy)

# The peers of `make bench`, each at its newest. Debian's Node has no SQLite inside, so theirs comes from the registry.
FASTAPI := 0.165.0
FASTAPI_USERS := 15.0.5
BETTER_AUTH := 1.7.25
.PHONY: tools-bench
tools-bench: tools-shared
	@command -v taskset > /dev/null || $(call install,util-linux)
	@[ -d target/bench-python/fastapi-$(FASTAPI).dist-info ] && [ -d target/bench-python/fastapi_users-$(FASTAPI_USERS).dist-info ] \
		|| { rm -rf target/bench-python; python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target target/bench-python \
		'fastapi==$(FASTAPI)' 'fastapi-users[sqlalchemy]==$(FASTAPI_USERS)' 'uvicorn[standard]==0.54.0' 'uvloop==0.23.0' 'httptools==0.9.0' 'python-jose[cryptography]==3.5.0' \
		'pwdlib[argon2,bcrypt]==0.3.0' 'bcrypt==5.0.0' 'sqlalchemy==2.0.58' 'aiosqlite==0.22.1' 'python-multipart==0.0.34' 'argon2-cffi==25.1.0' 'argon2-cffi-bindings==26.2.0'; }
	@grep -qs '"version": "$(BETTER_AUTH)"' target/bench-node/node_modules/better-auth/package.json && [ -x target/bench-node/node_modules/node-linux-*/bin/node ] \
		|| { rm -rf target/bench-node; npm install --silent --no-audit --no-fund --prefix target/bench-node better-auth@$(BETTER_AUTH) node-linux-$$(node -p process.arch)@26.10.0; }

# Unpacked and not installed, for the package would start a server of its own.
define unpack
{ echo "fetching $(1)"; mkdir -p target/$(1); sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo"; $$sudo apt-get update -qq; cd target/$(1) && apt-get download -qq -o APT::Sandbox::User=root $(1) && dpkg-deb -x $(1)_*.deb . && rm $(1)_*.deb; }
endef

define install
{ echo "installing $(1)"; sudo=""; [ "$$(id -u)" = 0 ] || sudo="sudo"; $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $(1); }
endef
