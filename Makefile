# Every target works from a fresh clone on Debian or Ubuntu: what is missing is
# installed, as root or through sudo. Go alone is assumed.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO          ?= go
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOTESTSUM   := $(GO) run gotest.tools/gotestsum@v1.13.0
FUZZTIME    ?= 30s

# The packages of make test: all but the suites that need a browser or a foreign SDK.
PACKAGES = $(shell $(GO) list ./... | grep -v -E '^rostrum/test/(attack|conformance|e2e|netem)(/|$$)')

# $(call suite,NAME,FORMAT,PACKAGES) runs tests, with what follows as flags of go test, and
# keeps what they come to in .cache/results. A few that fail are tried again RERUNS times,
# but not where the race detector spoke.
RERUNS ?= 0
suite   = mkdir -p .cache/results && $(GOTESTSUM) --format $(2) --jsonfile .cache/results/$(1).json \
	--rerun-fails=$(RERUNS) --rerun-fails-run-root-test --rerun-fails-abort-on-data-race --packages="$(3)" --

# $(call install,PACKAGES) installs Debian packages, $(call need,COMMAND,PACKAGES) when a
# command is missing. Where the lists can't all be had anew, the old ones may do.
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT      = $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120
install  = { $(APT) update || :; $(APT) install -y --no-install-recommends $(1); }
need     = command -v $(1) >/dev/null || $(call install,$(2))

# What is installed inside the clone goes first; Debian keeps ip and iptables where only root looks.
export PATH := $(CURDIR)/.cache/node/bin:$(CURDIR)/.cache/debian/usr/bin:$(CURDIR)/.cache/debian/usr/sbin:$(PATH):/usr/sbin:/sbin:$(HOME)/.cargo/bin

# The libraries that internal/codec is a layer over.
need-codecs = pkg-config --exists libavcodec libavutil libswscale libswresample 2>/dev/null && command -v gcc >/dev/null || \
	$(call install,gcc libc6-dev pkg-config libavcodec-dev libavutil-dev libswscale-dev libswresample-dev)

# An environment for the Python packages of a file of requirements; what was begun is begun anew.
define environment
	@python3 -c 'import venv, ensurepip' 2>/dev/null || $(call install,python3 python3-venv)
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@
endef

NODE := 24.20.0
NPM  := 10.9.9

# Browsers and the AWS SDK for JavaScript are driven by Node.js 20 or newer. Where the system's
# is older, as Debian 12's is, npm has one; and an npm with it, as Debian's runs on no other.
.PHONY: node
node:
	@$(call need,npm,nodejs npm)
	@node -e 'process.exitCode = parseInt(process.versions.node) < 20 ? 1 : 0' || \
		npm install -g --prefix .cache/node --ignore-scripts --no-audit --no-fund --loglevel=error node-linux-$$(node -p process.arch)@$(NODE) npm@$(NPM)

# The packages of a package-lock.json; npm writes the target when all are there.
%/node_modules/.package-lock.json: %/package-lock.json | node
	cd $(<D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: rostrum ## Build bin/rostrum and bin/rostrum-media
	@$(need-codecs)
	$(GO) build -trimpath -o bin/rostrum-media ./cmd/rostrum-media

# Most of what rostrum does needs no codec, and so no library but Go's.
.PHONY: rostrum
rostrum:
	@[ -e bin/rostrum ] || echo "The first build takes a few minutes."
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/rostrum ./cmd/rostrum

.PHONY: sdk
sdk: web/sdk/node_modules/.package-lock.json ## Build the browser SDK and the stage page, and the copies of them that the server serves
	cd web/sdk && npm run --silent build

.PHONY: console
console: web/console/node_modules/.package-lock.json ## Build the console, and the copy of it that the server serves
	cd web/console && npm run --silent build

# SITE_BASE is the path that it is served at, SITE_SOURCE where its links to sources lead.
.PHONY: site
site: web/site/node_modules/.package-lock.json web/sdk/node_modules/.package-lock.json ## Build the site of docs/ into dist/site, and check its links (SITE_BASE=/ SITE_SOURCE=https://…/)
	cd web/site && npm run --silent build

# The site as make check has built it, unless a page is newer.
dist/site/index.html: $(wildcard README.md CHANGELOG.md docs/*.md docs/decisions/*.md web/site/*.mjs web/site/.vitepress/*.mjs web/site/.vitepress/theme/*)
	@$(MAKE) --no-print-directory site

.PHONY: pictures
pictures: build browsers ## Take the pictures of docs/
	cd test/e2e && node --test --test-reporter=spec pictures.mjs

.PHONY: run
run: rostrum ## Build and serve on this machine
	@bin/rostrum serve

.PHONY: demo
demo: build ## Show a stage at work: test participants, a composition in a channel, and all their recordings
	@bin/rostrum demo

# What a release has; VERSION names it, PLATFORMS and MEDIA= limit it.
.PHONY: dist
dist: ## Build archives and Debian packages of a release into dist/ (VERSION=… PLATFORMS="linux/amd64" MEDIA=)
	@$(call need,zip,zip)
	@$(call need-dist)
	@deploy/dist.sh dist $(PLATFORMS)

need-dist = [ "$${MEDIA-yes}" = "" ] || { dpkg -s nasm dpkg-dev libx264-dev libopus-dev >/dev/null 2>&1 && command -v gcc >/dev/null; } || \
	$(call install,gcc libc6-dev make pkg-config dpkg-dev nasm libx264-dev libopus-dev)

.PHONY: image
image: ## Build a container image of each Linux archive in dist/, without a container engine
	@$(call need,buildah,buildah ca-certificates)
	@for archive in dist/rostrum-*-linux-*.tar.gz; do deploy/image.sh $$archive $${archive%.tar.gz}.image.tar; done

# Of these packages only the program is wanted, not the service that they start.
need-services = for package in nginx caddy prometheus; do \
	[ -e .cache/debian/$$package ] || (mkdir -p .cache/debian && cd .cache/debian && rm -f *.deb && \
	{ apt-get -q download $$package || { $(APT) update && apt-get -q download $$package; }; } && dpkg-deb -x $${package}_*.deb . && touch $$package) || \
	echo "no $$package for this system: its tests are skipped"; done

.PHONY: test
test: ## Run all tests that need no browser and no foreign SDK, with the race detector
	@$(need-codecs)
	@$(call need,ffmpeg,ffmpeg)
	@$(need-services)
	@$(call suite,test,pkgname,$(PACKAGES)) -race -timeout 14m

# The clients that make conformance drives, each pinned by its own lock file.
CLIENTS := .cache/conformance

$(CLIENTS)/python/installed: test/conformance/python/requirements.txt
	$(environment)

$(CLIENTS)/java/installed: test/conformance/java/pom.xml $(wildcard test/conformance/java/src/main/java/rostrum/conformance/*.java)
	@$(call need,mvn,maven default-jdk-headless)
	@$(call need,javac,default-jdk-headless)
	mvn -q -B -f test/conformance/java/pom.xml compile dependency:copy-dependencies
	@touch $@

$(CLIENTS)/events/installed: test/events/requirements.txt
	$(environment)

.PHONY: conformance-events
conformance-events: $(CLIENTS)/events/installed ## Put events on the bus of an EventBridge emulator
	ROSTRUM_MOTO_SERVER=$(CURDIR)/$(CLIENTS)/events/bin/moto_server $(GO) test -count=1 ./test/events/...

.PHONY: conformance
conformance: $(CLIENTS)/python/installed $(CLIENTS)/java/installed test/conformance/javascript/node_modules/.package-lock.json rust-client ## Drive the server with the official AWS SDKs and the AWS CLI
	@$(need-codecs)
	@$(need-services)
	@rm -f $(CLIENTS)/summary.txt
	@export CONFORMANCE_CLIENTS=$(CURDIR)/$(CLIENTS) CONFORMANCE_SUMMARY=$(CURDIR)/$(CLIENTS)/summary.txt; \
	$(call suite,conformance,pkgname,./test/conformance) -count=1 -timeout 15m; \
	status=$$?; cat $(CLIENTS)/summary.txt; exit $$status

# The client of the AWS SDK for Rust, which takes a minute or two to compile from nothing. Where
# cargo, its registry, a new enough compiler or the time is missing, one line says so, and the
# tests of the client are skipped.
RUST := test/conformance/rust/Cargo.toml

.PHONY: rust-client
rust-client:
	@command -v cargo >/dev/null || { echo "AWS SDK for Rust: SKIPPED, cargo is not installed"; exit 0; }; \
	cargo fetch -q --locked --manifest-path $(RUST) 2>/dev/null || { echo "AWS SDK for Rust: SKIPPED, cargo can't fetch its packages"; exit 0; }; \
	out=$$(timeout 300 cargo build -q --locked --offline --manifest-path $(RUST) --target-dir $(CLIENTS)/rust 2>&1) || { \
		if [ $$? = 124 ]; then echo "AWS SDK for Rust: SKIPPED, it takes longer than five minutes to compile"; \
		elif grep -qE 'rustc .* is not supported|requires rustc' <<<"$$out"; then echo "AWS SDK for Rust: SKIPPED, cargo is too old"; \
		else echo "$$out"; exit 1; fi; }

.PHONY: conformance-rust
conformance-rust: rust-client ## Drive the server with the AWS SDK for Rust, where cargo is installed
	CONFORMANCE_CLIENTS=$(CURDIR)/$(CLIENTS) $(GO) test -count=1 -v -run Rust ./test/conformance

# The facts of the API that the tests hold the package against, and the newest model of the service.
.PHONY: model
model: ## Compare the facts of the API with the newest botocore
	@python3 -c 'import venv, ensurepip' 2>/dev/null || $(call install,python3 python3-venv)
	@rm -rf .cache/model && python3 -m venv .cache/model
	@.cache/model/bin/pip download -q --no-deps --disable-pip-version-check -d .cache/model/wheels botocore
	@.cache/model/bin/python test/model/model.py .cache/model/wheels/botocore-*.whl .

# A foreign S3 server, to which participants and compositions are recorded.
VERSITYGW := 1.8.0
S3_SERVER := .cache/s3/$(VERSITYGW)/versitygw

$(S3_SERVER):
	GOBIN=$(CURDIR)/$(@D) $(GO) install github.com/versity/versitygw/cmd/versitygw@v$(VERSITYGW)

.PHONY: s3
s3: $(S3_SERVER) $(CLIENTS)/python/installed ## Record to a real S3 server that fails in every way
	@$(need-codecs)
	@$(call need,ffprobe,ffmpeg)
	@export ROSTRUM_S3_SERVER=$(CURDIR)/$(S3_SERVER) ROSTRUM_AWS_CLI=$(CURDIR)/$(CLIENTS)/python/bin/aws; \
	$(call suite,s3,testname,./test/compose ./test/record) -count=1 -timeout 10m -run S3

.PHONY: kill
kill: ## Kill the server 200 times under load, and 50 times while it records, and miss nothing it acknowledged (ROSTRUM_KILL_ROUNDS=…)
	ROSTRUM_KILL_ROUNDS=$${ROSTRUM_KILL_ROUNDS:-200} $(GO) test -count=1 -v -timeout 30m ./test/kill
	ROSTRUM_RECORD_KILLS=$${ROSTRUM_RECORD_KILLS:-50} $(GO) test -count=1 -v -timeout 30m -run Kills ./test/record

.PHONY: attack
attack: ## Attack a running server: what it must refuse, and a call that must go on meanwhile (ROSTRUM_CHURN=30m)
	@$(call suite,attack,testname,./test/attack) -count=1 -timeout $(if $(ROSTRUM_CHURN),90m,10m)

.PHONY: cluster
cluster: ## Ask any of three nodes on PostgreSQL for anything, and kill one
	$(GO) test -count=1 -v -timeout 10m ./test/cluster

.PHONY: netem
netem: ## Hold calls to their promises on bad networks, in network namespaces (as root)
	@$(call need,ip,iproute2)
	@$(call need,chromium,chromium) || echo "no Chromium for this system: the calls between browsers are skipped"
	@$(MAKE) --no-print-directory test/e2e/node_modules/.package-lock.json || echo "what steers browsers can't be installed: their calls are skipped"
	@$(call suite,netem,testname,./test/netem) -count=1 -v -timeout 15m

.PHONY: check
check: check-format check-vet check-lint check-drift check-sdk check-console check-site check-platforms check-vulnerabilities ## Check format, vet, lint, imports, vocabulary, documents, drift, the browser SDK, the console, the site, platforms, vulnerabilities

.PHONY: check-format
check-format:
	@unformatted=$$(gofmt -l $$(find . -name '*.go' -not -path './.cache/*' -not -path '*/node_modules/*')); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi

.PHONY: check-vet
check-vet:
	@$(need-codecs)
	$(GO) vet ./...

.PHONY: check-lint
check-lint:
	@$(need-codecs)
	$(STATICCHECK) ./...

# Imports, vocabulary, documents, and what is generated: settings, samples, tables.
.PHONY: check-drift
check-drift:
	$(GO) test -run 'Imports|Vocabulary|Docs|Drift' ./internal ./internal/config ./internal/server ./internal/wire/... ./ivsrealtime

# The browser SDK: its types, its unit tests, and the copy that the server serves.
.PHONY: check-sdk
check-sdk: web/sdk/node_modules/.package-lock.json
	cd web/sdk && npm run --silent check && npm run --silent test

# The console: the same.
.PHONY: check-console
check-console: web/console/node_modules/.package-lock.json
	cd web/console && npm run --silent check && npm run --silent test

# The site of docs/: every link and anchor of it.
.PHONY: check-site
check-site: site
	cd web/site && npm run --silent test

# rostrum is developed on macOS and Windows too.
.PHONY: check-platforms
check-platforms:
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) vet ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/rostrum
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) build -o /dev/null ./cmd/rostrum

# The database of known vulnerabilities is asked over the network. Without it
# the check is skipped with a message.
.PHONY: check-vulnerabilities
check-vulnerabilities:
	@out=$$($(GOVULNCHECK) ./... 2>&1); status=$$?; \
	if [ $$status -ne 0 ] && grep -q 'fetching vulnerabilities' <<<"$$out"; then \
		echo "govulncheck: SKIPPED, its database can't be reached from here"; \
	else echo "$$out"; exit $$status; fi

.PHONY: mutate
mutate: ## Change one operator at a time: some test must fail each time (MUTATE="internal/policy")
	nice $(GO) run ./test/mutate $(MUTATE)

.PHONY: bench
bench: ## Measure the real binary: the API, and stages beside a plain forwarder (BENCH="-part stages")
	$(GO) run ./test/bench -for 2s $(BENCH)

.PHONY: bench-ingest
bench-ingest: ## Measure RTMP encoders and a viewer of each (BENCH="-ingests 10,50 -each 10s"; MEDIAMTX=its binary, to compare)
	@$(need-codecs)
	@$(call need,ffmpeg,ffmpeg)
	MEDIAMTX=$(MEDIAMTX) $(GO) run ./test/bench -part ingest $(BENCH)

.PHONY: bench-record
bench-record: ## Measure recordings of participants (BENCH="-records 10,50 -each 20s"; with a peer: -peer-whip URL -peer-pid PID)
	$(GO) run ./test/bench -part record $(BENCH)

.PHONY: bench-relay
bench-relay: ## Measure a publisher that is relayed to another node, beside viewers of its own
	$(GO) test -run '^$$' -bench Relayed -benchtime 1x -timeout 10m ./test/cluster

.PHONY: bench-sdk
bench-sdk: build browsers ## Measure the browser SDK beside bare WebRTC in Chromium (ROUNDS=4 SECONDS=15)
	cd test/e2e && ROSTRUM=$(CURDIR)/bin/rostrum node --test --test-reporter=spec sdk-cost.mjs

.PHONY: bench-compose
bench-compose: ## Measure what composing costs, beside plain ffmpeg, and how it keeps time (ROSTRUM_CHURN=10m)
	@$(need-codecs)
	@$(call need,ffmpeg,ffmpeg)
	$(GO) test -timeout 20m -run TestCost -v ./internal/compositor -cost
	$(GO) test -timeout 60m -run 'TestCost|ShowsWhoIsThere|FollowsAttributes|KeepsTime' -v ./test/compose -cost

.PHONY: fuzz
fuzz: ## Run every fuzz target for 30 s each (FUZZTIME=…)
	@set -e; for file in $$(grep -rlE --include='*_test.go' --exclude-dir=node_modules --exclude-dir=.cache '^func Fuzz' .); do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' $$file); do \
			echo "== $$target ($$(dirname $$file))"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$(dirname $$file); \
		done; done

GSTREAMER := gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
	gstreamer1.0-plugins-ugly gstreamer1.0-nice python3-gst-1.0 gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0

.cache/e2e/python/installed: test/e2e/python/requirements.txt
	$(environment)

.PHONY: browsers
browsers: test/e2e/node_modules/.package-lock.json
	@$(call need,chromium,chromium)
	@$(call need,ffmpeg,ffmpeg)
	@$(call need,openssl,openssl)
	@$(call need,iptables,iptables) || echo "no iptables for this system: the calls whose network loses a port are skipped"
	@$(call need,firefox-esr,firefox-esr) || echo "no firefox-esr for this system: its tests are skipped"
	@gst-inspect-1.0 webrtcbin >/dev/null 2>&1 || $(call install,$(GSTREAMER)) || echo "no GStreamer with webrtcbin for this system: its tests are skipped"
	@$(call need,cvlc,vlc-bin vlc-plugin-base) && $(call need,mpv,mpv) || echo "no VLC or mpv for this system: they are not tried"

# One file at a time: they look at what comes when. The limit is that of a whole file,
# which waits for no single thing longer than 40 s.
.PHONY: e2e
e2e: build browsers dist/site/index.html .cache/e2e/python/installed $(CLIENTS)/events/installed $(CLIENTS)/python/installed ## Let real browsers, aiortc and encoders meet in a stage of the real server
	@cd test/e2e; export ROSTRUM_MOTO_SERVER=$(CURDIR)/$(CLIENTS)/events/bin/moto_server ROSTRUM_BOTO3=$(CURDIR)/$(CLIENTS)/python/bin/python; failed=; \
	for file in *.test.mjs; do \
		for try in $$(seq 0 $(RERUNS)); do node --test --test-reporter=spec --test-timeout=600000 $$file && continue 2; echo "$$file failed"; done; \
		failed="$$failed $$file"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

# What all of the above takes from package registries, which fail now and then.
.PHONY: fetch
fetch: browsers $(S3_SERVER) $(CLIENTS)/python/installed $(CLIENTS)/events/installed $(CLIENTS)/java/installed .cache/e2e/python/installed test/conformance/javascript/node_modules/.package-lock.json web/sdk/node_modules/.package-lock.json web/console/node_modules/.package-lock.json web/site/node_modules/.package-lock.json rust-client ## Install all that check and the suites need
	@$(need-codecs)
	@$(call need,ip,iproute2)
	@$(need-services)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || $(call install,postgresql) || echo "no PostgreSQL for this system: its tests are skipped"
	@$(GO) list -deps -test ./... >/dev/null
	@$(STATICCHECK) -version && $(GOTESTSUM) --version && $(GOVULNCHECK) -version >/dev/null

KILLS ?= 1000

.PHONY: crash
crash: ## Kill writers and dispatchers of events 1,000 times and look for what was lost (KILLS=…)
	ROSTRUM_EVENT_CRASH_ROUNDS=$(KILLS) ROSTRUM_STORE_CRASH_ROUNDS=$(KILLS) \
		$(GO) test -run 'WhenKilled|OnceAcknowledged' -v -timeout 60m ./internal/event ./internal/store

.PHONY: clean
clean: ## Remove what was built and installed inside the clone
	rm -rf bin .cache dist/site web/site/node_modules web/sdk/dist web/sdk/node_modules web/console/dist web/console/node_modules test/*/node_modules test/conformance/*/node_modules test/conformance/java/target
