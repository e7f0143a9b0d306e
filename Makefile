# Targets are a line or two anybody could type. `make run` and `make test` need nothing but
# Debian, Go and make: .ci/setup installs the rest.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN     := bin/mcpproxy-tray

.PHONY: run build test lint cross fuzz bench golden icons

run: build ## build it and run it; the first run starts the demo server
	$(BIN)

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN) ./cmd/mcpproxy-tray

test: ## everything: unit tests, real processes, a real panel, npm peers
	.ci/setup
	$(GO) test -race -shuffle=on -timeout 15m ./...

lint:
	@test -z "$$(gofmt -l cmd internal assets)" || { gofmt -l cmd internal assets; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=.ci/tools/go.mod staticcheck ./...

cross: ## the other platforms; macOS needs cgo for its tray, so it is only type-checked here
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) vet ./...
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/mcpproxy-tray
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...

fuzz: ## each fuzz target for FUZZTIME
	.ci/fuzz $(or $(FUZZTIME),5m)

bench: ## the read model beside its reference, the relay beside the typed SDK
	$(GO) test -run '^$$' -bench . -benchmem ./...

golden: ## rewrite the golden files after a look at the difference
	$(GO) test ./internal/tray/menu -update

icons: ## draw the tray icons again
	$(GO) run ./assets/draw
