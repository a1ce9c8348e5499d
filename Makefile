# Sportello. Needs Go, Node and make; everything else is installed by files of this repository.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

GO    ?= go
NPM   ?= npm
SAM   ?= sam
STAGE ?= test
DATA  ?= .local
BIN   := .local/bin
TALLY := $(BIN)/tally
SITE  := infra/site

# Go 1.26 is what go.mod asks; nothing else is fetched behind our back.
export GOTOOLCHAIN ?= local
# The functions' binaries are the same for this host and for the cloud, but for the processor.
BUILD_FLAGS := -trimpath -ldflags=-s -tags=lambda.norpc

##@ To use it
.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(SITE)/dist emulators ## the portal on this computer, http://localhost:8080 (ports: PORTAL_PORT=, OUTSIDE_PORT=)
	@$(GO) build -C infra/local -o $(CURDIR)/$(BIN)/ ./cmd/local ./cmd/outside
	@exec $(BIN)/local --data $(DATA) $(ARGS)

.PHONY: demo
demo: $(SITE)/dist emulators ## the way of an application, start to end, through the public APIs
	@$(GO) build -C infra/local -o $(CURDIR)/$(BIN)/ ./cmd/local ./cmd/outside
	@$(GO) run ./infra/demo $(ARGS)

.PHONY: verify
verify: ## check register, archive and packages offline (ARGS=)
	@$(GO) run ./infra/verify $(ARGS)

##@ To work on it
.PHONY: check
check: $(SITE)/node_modules ## format, vet, lint and unit tests: the short way, under half a minute when warm
	@$(MAKE) --no-print-directory -s lint
	@$(GO) test -short ./...
	@$(GO) test -C infra/local -short ./...
	@cd $(SITE) && $(NPM) run --silent typecheck

# Packages whose tests speak to an emulator.
EMULATED = $(shell grep -rl --include=*_test.go '^//go:build emulator' shared functions infra/crash 2>/dev/null | xargs -r -n1 dirname | sort -u | sed 's|^|./|')

STAGES := test-lint test-unit test-local test-platform test-crash test-site test-pages test-road test-simulate

.PHONY: test
test: $(TALLY) ## everything, fast things first; ends with "N passed, N failed, N skipped"
	@rm -rf .local/tally
	@$(MAKE) --no-print-directory -s $(STAGES) && $(TALLY) sum || { $(TALLY) sum; exit 1; }

.PHONY: simulate
simulate: ## a year of a chamber in one process, crashing between any two effects (SEEDS=, SEED= to replay)
	@$(GO) run ./infra/simulate $(if $(SEED),-seed $(SEED)) $(if $(SEEDS),-seeds $(SEEDS)) $(ARGS)

.PHONY: bench
bench: ## the Go benchmarks there are, as they are (ratios and prices: not measured yet)
	@packages=$$(grep -rl --include=*_test.go '^func Benchmark' functions shared infra 2>/dev/null | grep -v '^infra/local/' | xargs -r -n1 dirname | sort -u | sed 's|^|./|'); \
	if [ -z "$$packages" ]; then \
		echo "make bench: there is no benchmark in functions, shared or infra yet." >&2; \
		echo "Missing: register throughput against the raw table, handlers against a no-op Lambda, cost per application," >&2; \
		echo "cold start, package size, page weight. Nothing was measured." >&2; exit 1; fi; \
	$(GO) test -run '^$$' -bench . -benchmem $$packages

##@ To install it
.PHONY: deploy
deploy: ## build and deploy to AWS, upload the site (STAGE=test|production; infra/docs/runbook.md)
	@command -v $(SAM) aws >/dev/null || { echo "make deploy needs the SAM CLI and the AWS CLI (infra/docs/runbook.md)" >&2; exit 1; }
	$(SAM) validate --lint --config-env $(STAGE)
	GOFLAGS="-buildvcs=false $(BUILD_FLAGS)" $(SAM) build --config-env $(STAGE)
	$(SAM) deploy --config-env $(STAGE)
	@$(MAKE) --no-print-directory site-upload

.PHONY: site-upload
site-upload: $(SITE)/dist ## only the site: upload and invalidation
	@output() { aws cloudformation describe-stacks --stack-name sportello-$(STAGE) --query "Stacks[0].Outputs[?OutputKey=='$$1'].OutputValue" --output text; }; \
	bucket=$$(output SiteBucketName); distribution=$$(output DistributionId); \
	: "Hashed files first and pages last, so that no page names a file that is not there yet; old files stay for who has an old page open."; \
	aws s3 sync $(SITE)/dist/assets "s3://$$bucket/assets" --cache-control 'public, max-age=31536000, immutable' --only-show-errors; \
	aws s3 sync $(SITE)/dist "s3://$$bucket" --exclude 'assets/*' --cache-control 'no-cache' --delete --only-show-errors; \
	aws cloudfront create-invalidation --distribution-id "$$distribution" --paths '/*' --query Invalidation.Id --output text

.PHONY: account
account: ## budget and certificate alarm, once per stage (EMAIL=, CERTIFICATE=, BUDGET= in USD)
	@: "$${EMAIL:?make account EMAIL=address CERTIFICATE=arn [BUDGET=200]}" "$${CERTIFICATE:?make account EMAIL=address CERTIFICATE=arn [BUDGET=200]}"
	$(SAM) deploy --template-file infra/account/template.yaml --stack-name sportello-$(STAGE)-account --region us-east-1 --no-confirm-changeset \
		--no-fail-on-empty-changeset --parameter-overrides Stage=$(STAGE) AlarmEmail=$(EMAIL) CertificateArn=$(CERTIFICATE) MonthlyBudget=$(or $(BUDGET),200)

.PHONY: key
key: ## an API key for a chamber's own system, shown once (ARGS="--chamber milano")
	@$(GO) run ./infra/operator key $(ARGS)

.PHONY: officer
officer: ## the first officer of a chamber (ARGS="--chamber milano …")
	@$(GO) run ./infra/operator officer $(ARGS)

# ---- stages of `make test`

.PHONY: lint
lint: $(BIN)/staticcheck
	@test -z "$$(gofmt -l functions shared infra 2>/dev/null | grep -v node_modules | tee /dev/stderr)"
	@$(GO) vet -tags emulator ./...
	@$(GO) vet -C infra/local ./...
	@$(BIN)/staticcheck -tags emulator ./...
	@cd infra/local && $(CURDIR)/$(BIN)/staticcheck ./...

.PHONY: $(STAGES)
test-lint: $(TALLY)
	@$(TALLY) run lint $(MAKE) --no-print-directory -s lint

test-unit: $(TALLY)
	@$(TALLY) run unit $(GO) test -json ./...

test-local: $(TALLY) emulators
	@$(TALLY) run local $(GO) test -C infra/local -json ./...

# The same suites that ran in memory, on the emulators. A missing emulator fails instead of being skipped.
test-platform: $(TALLY) emulators
	@EMULATORS=required $(TALLY) run platform $(GO) test -tags emulator -json -count=1 $(EMULATED)

test-crash: $(TALLY) emulators local-binaries
	@$(TALLY) run crash $(GO) test -json -count=1 -timeout 30m ./infra/crash/...

test-site: $(TALLY) $(SITE)/node_modules
	@$(TALLY) run site -report .local/tally-site.json bash -c 'cd $(SITE) && $(NPM) run --silent typecheck && npx vitest run --reporter=default --reporter=json --outputFile.json=$(CURDIR)/.local/tally-site.json'

test-pages: $(TALLY) $(SITE)/dist
	@$(TALLY) run pages true

test-road: $(TALLY)
	@$(TALLY) run road true

test-simulate: $(TALLY)
	@$(TALLY) run simulate $(GO) run ./infra/simulate -seeds 20

# ---- what the targets above are made of

.PHONY: local-binaries
local-binaries:
	@$(GO) build -C infra/local -o $(CURDIR)/$(BIN)/ ./cmd/local ./cmd/outside

$(TALLY): $(wildcard infra/tally/*.go)
	@$(GO) build -o $@ ./infra/tally

$(BIN)/staticcheck: infra/local/tools/go.sum
	@$(GO) build -C infra/local/tools -o $(CURDIR)/$@ honnef.co/go/tools/cmd/staticcheck

.PHONY: emulators
emulators: $(BIN)/versitygw infra/local/npm/node_modules

$(BIN)/versitygw: infra/local/tools/go.sum
	@echo "building the S3 emulator, a minute the first time…"
	@$(GO) build -C infra/local/tools -trimpath -ldflags=-s -o $(CURDIR)/$@ github.com/versity/versitygw/cmd/versitygw

infra/local/npm/node_modules: infra/local/npm/package-lock.json
	@cd infra/local/npm && $(NPM) ci --no-audit --no-fund --loglevel=error && touch node_modules

$(SITE)/node_modules: $(SITE)/package-lock.json
	@cd $(SITE) && $(NPM) ci --no-audit --no-fund --loglevel=error && touch node_modules

$(SITE)/dist: $(SITE)/node_modules $(shell find $(SITE)/src $(SITE)/public $(SITE)/scripts shared/domain/catalogue -type f 2>/dev/null)
	@cd $(SITE) && $(NPM) run --silent build && touch dist

.PHONY: clean
clean: ## forget what was built; data of the local cloud stay in .local
	@rm -rf $(BIN) $(SITE)/dist .aws-sam .local/tally
