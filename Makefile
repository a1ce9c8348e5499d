# Sportello. Needs Go, Node and make; everything else is installed by files of this repository.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

GO    ?= go
NPM   ?= npm
SAM   ?= sam
STAGE ?= test
REVISION := $(or $(REVISION),$(shell date -u +%Y%m%dT%H%M%SZ))
BIN   := .local/bin
LOCAL := $(BIN)/local
TALLY := $(BIN)/tally
SITE  := infra/site
SITE_CD    := cd $(SITE)
SITE_TOOLS := $(SITE)/node_modules/.package-lock.json
# Other people's readers of XML, signed mail and PDF. Tests with the tag readers ask them; plain `go test` needs none.
READERS    := infra/readers/node_modules/.package-lock.json
export READERS_SUM := $(shell cat infra/readers/*.mjs infra/readers/package-lock.json | cksum)
TALLY_DIR  := .local/tally

# Packages whose tests speak to an emulator.
EMULATED = $(shell grep -rl --include=*_test.go '^//go:build emulator' shared functions infra/template 2>/dev/null | xargs -r -n1 dirname | sort -u | sed 's|^|./|')

# Go 1.26 is what go.mod asks; nothing else is fetched behind our back.
export GOTOOLCHAIN ?= local
# Programs, tests and linters compile alike, so that what they share is compiled once.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS) -trimpath)
# The functions' binaries are the same for this host and for the cloud, but for the processor.
BUILD_FLAGS := -trimpath -ldflags=-s -tags=lambda.norpc

##@ To use it
.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(LOCAL) ## the portal on this computer, http://localhost:8080 (PORTAL_PORT=, OUTSIDE_PORT=, ARGS=-help)
	@$(LOCAL) build
	@exec $(LOCAL) run $(ARGS)

.PHONY: demo
demo: built $(BIN)/verify ## the way of an application, start to end, through the public APIs
	@$(GO) run ./infra/demo $(ARGS)

.PHONY: verify
verify: $(BIN)/verify ## check register, archive and packages offline (ARGS=), or an evidence file (EVIDENCE=, TRUST=, PEC=)
	@$(BIN)/verify $(if $(EVIDENCE),-evidence $(EVIDENCE) $(if $(TRUST),-trust $(TRUST)) $(if $(PEC),-pec-ca $(PEC))) $(ARGS)

.PHONY: verifier
verifier: ## the verifier as one static program, for whoever checks an evidence file offline (GOOS=, GOARCH=)
	@$(GO) build -trimpath -ldflags=-s -o $(BIN)/sportello-verify ./infra/verify

##@ To work on it
.PHONY: check
check: $(SITE_TOOLS) ## format, vet, lint, types and unit tests: the short way, under half a minute when warm
	@$(MAKE) --no-print-directory -s lint
	@$(GO) test -short ./...
	@$(GO) test -C infra/local -short ./...
	@cd $(SITE) && $(NPM) run --silent typecheck

# Fast things first, so that what is wrong is known soon; the first stage that fails ends the run.
STAGES := test-lint test-unit test-local test-platform test-crash test-site test-pages test-road test-simulate

.PHONY: test
test: $(TALLY) ## everything, fast things first; ends with "N passed, N failed, N skipped"
	@rm -rf .local/tally
	@$(MAKE) --no-print-directory -s $(STAGES) && $(TALLY) sum || { $(TALLY) sum; exit 1; }

.PHONY: simulate
simulate: ## a year of a chamber in one process, crashing between any two effects (SEEDS=, SEED= to replay)
	@$(GO) run ./infra/simulate $(if $(SEED),-seed $(SEED)) $(if $(SEEDS),-seeds $(SEEDS)) $(ARGS)

.PHONY: rush
rush: built $(BIN)/verify ## 3,000 applications of both services while functions are killed at random (ARGS="-n 300 -seed 2"; infra/rush)
	@$(GO) run ./infra/rush $(ARGS)

.PHONY: bench
bench: $(LOCAL) ## speed, size and cost as JSON lines, held to their bounds (ARGS="-only=… -quick -volume=…"; infra/bench)
	@: "Standard output is for the measurements alone."
	@$(LOCAL) build >&2
	@$(GO) run ./infra/bench -flags "$(BUILD_FLAGS)" $(ARGS)

# The tools are the machine's own; what is missing is said, and the exit code is 3. DATA= judges what a local cloud has made instead.
.PHONY: signatures
signatures: built ## signed files as we, OpenSSL and pyHanko judge them (PYTHON=one with pyHanko; DATA=folder: what a local cloud made)
	@$(GO) build -o $(BIN)/signatures ./infra/signatures
	@$(BIN)/signatures $(if $(PYTHON),-python "$(PYTHON)") $(if $(DATA),-made -data "$(DATA)") $(ARGS)

##@ To install it
.PHONY: deploy
deploy: ## build and deploy to AWS, upload the site (STAGE=test|production; infra/docs/runbook.md)
	@command -v $(SAM) >/dev/null && command -v aws >/dev/null || { echo "make deploy needs the SAM CLI and the AWS CLI (infra/docs/runbook.md)" >&2; exit 1; }
	@cd $(SITE) && STAGE=$(STAGE) node scripts/release.mjs
	$(SAM) validate --lint --config-env $(STAGE)
	GOFLAGS="-buildvcs=false $(BUILD_FLAGS)" $(SAM) build --config-env $(STAGE)
	@: "A stack is brought up to date only where its template or a parameter changed: the revision makes functions and CloudFront take secrets anew."
	@mkdir -p .aws-sam && sed 's/"Revision=[^"]*"/"Revision=$(REVISION)"/' samconfig.toml > .aws-sam/samconfig.toml
	$(SAM) deploy --config-file $(CURDIR)/.aws-sam/samconfig.toml --config-env $(STAGE)
	@$(MAKE) --no-print-directory site-upload

.PHONY: site-upload
site-upload: $(SITE_TOOLS) ## only the site: build, upload and invalidation
	@cd $(SITE) && STAGE=$(STAGE) PORTAL_BASE="$$(aws cloudformation describe-stacks --stack-name sportello-$(STAGE) \
		--query "Stacks[0].Outputs[?OutputKey=='PortalUrl'].OutputValue" --output text)" $(NPM) run --silent build
	@output() { aws cloudformation describe-stacks --stack-name sportello-$(STAGE) --query "Stacks[0].Outputs[?OutputKey=='$$1'].OutputValue" --output text; }; \
	bucket=$$(output SiteBucketName); distribution=$$(output DistributionId); \
	: "Hashed files first and pages last, so that no page names a file that is not there yet; old ones stay for who has an old page open."; \
	aws s3 sync $(SITE)/dist/assets "s3://$$bucket/assets" --cache-control 'public, max-age=31536000, immutable' --only-show-errors; \
	aws s3 sync $(SITE)/dist "s3://$$bucket" --exclude 'assets/*' --cache-control 'no-cache' --delete --only-show-errors; \
	aws cloudfront create-invalidation --distribution-id "$$distribution" --paths '/*' --query Invalidation.Id --output text

.PHONY: account
account: ## budget and certificate alarm, once per stage (EMAIL=, CERTIFICATE=, BUDGET= in USD)
	@test -n "$(EMAIL)" -a -n "$(CERTIFICATE)" || { echo "make account STAGE=… EMAIL=address CERTIFICATE=arn [BUDGET=200]" >&2; exit 1; }
	$(SAM) deploy --template-file infra/account/template.yaml --stack-name sportello-$(STAGE)-account --region us-east-1 --no-confirm-changeset \
		--no-fail-on-empty-changeset --parameter-overrides Stage=$(STAGE) AlarmEmail=$(EMAIL) CertificateArn=$(CERTIFICATE) MonthlyBudget=$(or $(BUDGET),200)

.PHONY: key
key: ## an API key for a chamber's own system, shown once (ARGS="--chamber milano --name protocollo")
	@$(GO) run ./infra/operator key $(ARGS)

.PHONY: officer
officer: ## the first officer of a chamber (ARGS="--chamber milano --tax-code … --name …")
	@$(GO) run ./infra/operator officer $(ARGS)

# ---- stages of `make test`

# Everything staticcheck knows, less: package comments of tests and one-file mains (ST1000), names that a wire format dictates (ST1003),
# errors that begin with the name of something (ST1005), comments that must begin with a name (ST1020-ST1022): a pair declared together
# has one comment.
CHECKS := all,-ST1000,-ST1003,-ST1005,-ST1020,-ST1021,-ST1022

.PHONY: lint
lint: $(BIN)/staticcheck
	@unformatted=$$(gofmt -l $$(find functions shared infra -name '*.go' -not -path '*/node_modules/*')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w):" >&2; echo "$$unformatted" >&2; exit 1; fi
	@$(GO) vet -tags "emulator road readers" ./...
	@$(GO) vet -C infra/local -tags readers ./...
	@$(BIN)/staticcheck -checks "$(CHECKS)" -tags "emulator road readers" ./...
	@cd infra/local && $(CURDIR)/$(BIN)/staticcheck -checks "$(CHECKS)" -tags readers ./...

.PHONY: $(STAGES)
test-lint: $(TALLY)
	@$(TALLY) run lint $(MAKE) --no-print-directory -s lint

test-unit: $(TALLY) $(READERS)
	@$(TALLY) run unit $(GO) test -tags readers -json ./...

test-local: built $(TALLY) $(READERS)
	@EMULATORS=required $(TALLY) run local $(GO) test -C infra/local -tags readers -json ./...

# The suites that ran in memory, on the emulators. Here a missing emulator fails instead of being skipped.
test-platform: built $(TALLY)
	@EMULATORS=required $(TALLY) run platform $(GO) test -tags emulator -json -count=1 $(EMULATED)

# The real binaries against the table of crash points; ARGS=-table prints it case by case, as it stands in .local/crash.txt.
test-crash: built $(BIN)/verify $(TALLY)
	@rm -f .local/crash.txt
	@code=0; $(TALLY) run crash $(GO) test -tags road -json -count=1 -timeout 60m ./infra/crash/... || code=$$?; \
	$(if $(filter -table,$(ARGS)),cat .local/crash.txt;) exit $$code

test-site: built $(TALLY)
	@$(TALLY) run -report $(TALLY_DIR)/report-site.json site bash -c '$(SITE_CD) && $(NPM) run --silent typecheck && $(NPM) test --silent -- --reporter=default --reporter=json --outputFile.json=$(CURDIR)/$(TALLY_DIR)/report-site.json'

# Pages alone in a real browser; and the site's list of pages against the one in template.yaml, now that the site is built.
test-pages: built $(TALLY)
	@$(GO) test -count=1 -run 'TestTemplate/the_viewer_function' ./infra/template
	@PLAYWRIGHT_JSON_OUTPUT_NAME=$(CURDIR)/$(TALLY_DIR)/report-pages.json $(TALLY) run -report $(TALLY_DIR)/report-pages.json pages bash -c '$(SITE_CD) && $(NPM) run --silent e2e -- --reporter=list,json'

# The citizen's road through pages, real binaries and the simulated world.
test-road: built $(TALLY)
	@PLAYWRIGHT_JSON_OUTPUT_NAME=$(CURDIR)/$(TALLY_DIR)/report-road.json $(TALLY) run -report $(TALLY_DIR)/report-road.json road bash -c '$(SITE_CD) && $(NPM) run --silent road -- --reporter=list,json'

test-simulate: $(TALLY)
	@$(TALLY) run simulate $(GO) run ./infra/simulate -seeds 2 -days 60 -need 0 -pairs=false

# ---- what the targets above are made of

# The local cloud's own program builds all that is stale: emulators, functions, outside world, site.
.PHONY: $(LOCAL)
$(LOCAL):
	@$(GO) build -C infra/local -o $(CURDIR)/$@ ./cmd/local

.PHONY: $(BIN)/verify
$(BIN)/verify:
	@$(GO) build -o $@ ./infra/verify

.PHONY: built
built: $(LOCAL)
	@$(LOCAL) build

$(TALLY): $(wildcard infra/tally/*.go)
	@$(GO) build -o $@ ./infra/tally && touch $@

$(BIN)/staticcheck: infra/local/tools/go.sum
	@$(GO) build -C infra/local/tools -o $(CURDIR)/$@ honnef.co/go/tools/cmd/staticcheck && touch $@

$(SITE_TOOLS) $(READERS): %/node_modules/.package-lock.json: %/package-lock.json
	@cd $* && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch $(CURDIR)/$@

.PHONY: clean
clean: ## forget what was built; data of the local cloud stay in .local
	@rm -rf $(BIN) $(SITE)/dist .aws-sam $(TALLY_DIR)
