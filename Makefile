# make            builds bin/{om,datanode,s3g,ozone}
# make up         builds, starts compose/ozones3 and waits until S3 answers
# make test       what CI runs
# make help       the rest

MODULE  := github.com/mini-ozone/mini-ozone
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
PROGRAMS := om datanode s3g ozone
LDFLAGS := -s -w -X $(MODULE)/internal/version.release=$(VERSION)
COMPOSE := $(shell if command -v docker-compose >/dev/null 2>&1; then echo docker-compose; else echo docker compose; fi)
HA := $(COMPOSE) -f compose/ozones3-ha/docker-compose.yaml --project-name ozones3-ha
SECURE := $(COMPOSE) -f compose/ozones3-secure/docker-compose.yaml --project-name ozones3-secure
OZONES3 := $(COMPOSE) -f compose/ozones3/docker-compose.yaml --project-name ozones3
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 10s
BENCHTIME ?= 100ms
RUNS ?= 60

.PHONY: build image up up-secure up-ha down down-secure down-ha clean-data logs test unit race integration lin chaos connections soak lint fuzz-short bench generate check clean help

build: ## static binaries in bin/
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ $(PROGRAMS:%=./cmd/%)

image: build ## the image mini-ozone:latest, FROM scratch
	docker build --quiet --tag mini-ozone:latest --file compose/Dockerfile .

up: image ## start the cluster, wait until it is healthy
	$(OZONES3) up -d --no-build
	@compose/wait-healthy ozones3 120
	@echo 'S3 is at http://localhost:9878, om at http://localhost:9874. Any access key works. Try:'
	@echo '  export AWS_ACCESS_KEY_ID=me AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1'
	@echo '  aws --endpoint-url http://localhost:9878 s3 mb s3://bucket1'

down: ## stop the cluster; data is kept
	$(OZONES3) down

clean-data: ## stop the cluster and delete its data
	$(OZONES3) down --volumes

up-secure: image ## start the cluster in secure mode (compose/ozones3-secure)
	$(SECURE) up -d --no-build
	@compose/wait-healthy ozones3-secure 120
	@echo 'S3 is at http://localhost:9878. Make a user:'
	@echo '  $(SECURE) exec -T om ozone s3 getsecret -u alice'

down-secure: ## stop it; data and keys are kept
	$(SECURE) down

up-ha: image ## start three oms, five datanodes and two gateways (compose/ozones3-ha)
	$(HA) up -d --no-build
	@compose/wait-healthy ozones3-ha 180
	@echo 'S3 is at http://localhost:9878 and http://localhost:9879. Who leads:'
	@echo '  $(HA) exec -T om1 ozone admin om roles'

down-ha: ## stop it; data is kept
	$(HA) down

logs: ## follow the logs
	$(OZONES3) logs --follow --tail 100

test: lint ## everything CI runs: lint, floors, unit tests under the race detector, real clients
	go test -race -timeout 15m $$(go list ./... | grep -v /integration)
	go test -v -timeout 40m -p 1 ./integration/...

unit: ## unit tests only, without the race detector
	go test -timeout 10m $$(go list ./... | grep -v /integration)

race: ## unit tests under the race detector
	go test -race -timeout 15m $$(go list ./... | grep -v /integration)

integration: ## real binaries, real clients, containers
	go test -timeout 20m -v -p 1 ./integration/...

lin: ## RUNS (60) linearizability runs of 30-60 s under kills, pauses, partitions and clock jumps (root; a quiet machine)
	go test -v -timeout $$(( $(RUNS) * 3 + 20 ))m ./integration/lin -run 'TestLinearizable' -parallel 1 \
	  -lin.runs=$(RUNS) -lin.duration=30s -lin.floor=1500 -lin.strict $(LINFLAGS)

lint: ## gofmt, vet, staticcheck and the import floors
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not gofmt'ed:"; echo "$$out"; exit 1; fi
	go vet ./...
	@if command -v staticcheck >/dev/null 2>&1; then staticcheck ./...; else go run $(STATICCHECK) ./...; fi
	go test -count=1 ./internal/floors

# A run of the chaos runner: make chaos DURATION=10m SEED=7
DURATION ?= 10m
SEED ?= 0
CHAOS ?=
chaos: ## load under faults for DURATION (10m), replayable by SEED; CHAOS has more flags
	@mkdir -p bin/failpoints
	CGO_ENABLED=0 go build -trimpath -tags failpoints -o bin/failpoints/ $(PROGRAMS:%=./cmd/%)
	go run ./integration/chaos/run -bin bin/failpoints -duration $(DURATION) -seed $(SEED) $(CHAOS)

connections: ## 10,000 idle connections and 2,000 clients on one gateway: memory of each, and what overload gives
	go test -v -count=1 -run '^TestManyConnections$$' ./integration -connections.idle=10000 -connections.active=2000 -connections.for=30s

soak: ## the long form of everything that tries to lose data, with a table at the end; most of a day. SOAK='-only kills,power'
	go run ./integration/chaos/soak $(SOAK)

fuzz-short: ## every fuzz target for FUZZTIME (10s)
	@git grep -l '^func Fuzz' -- '*_test.go' | while read -r file; do \
	  for f in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file); do \
	    echo "== $$file $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
	  done; done

bench: build ## every benchmark, briefly; then the floors of speed, enforced
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) -timeout 10m \
	  $$(git grep -l '^func Benchmark' -- '*_test.go' | xargs -n 1 dirname | sort -u | sed 's|^|./|')
	go run ./integration/bench/floors -ozone bin/ozone

generate: ## renew generated code (needs protoc and protoc-gen-go)
	cd proto && go generate ./...

check: generate ## generated code and go.mod are what is committed
	go mod tidy
	git diff --exit-code -- proto go.mod go.sum

clean: ## remove built files
	rm -rf bin

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
