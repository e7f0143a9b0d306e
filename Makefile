# Targets are a line or two anybody could type. `make run` and `make test` need nothing but
# Debian, Go and make: .ci/setup installs the rest.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN     := bin/mcpproxy-tray
PREFIX  ?= $(HOME)/.local
SHARE    = $(DESTDIR)$(PREFIX)/share
MAN      = $(SHARE)/man/man1
TAB      = "$(SHARE)/bash-completion/completions/mcpproxy-tray" "$(SHARE)/zsh/site-functions/_mcpproxy-tray" "$(SHARE)/fish/vendor_completions.d/mcpproxy-tray.fish"

.PHONY: run build windows resources install uninstall test lint cross fuzz bench numbers golden icons man kill-loop soak report conformance screenshots

run: build ## build it and run it; the first run starts the demo server
	$(BIN)

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN) ./cmd/mcpproxy-tray

windows: ## the Windows program, which opens no console window; -H windowsgui is what says so
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS) -H windowsgui" -o $(BIN).exe ./cmd/mcpproxy-tray

resources: ## the icon, manifest and name of the Windows program, as the objects that the linker takes in
	$(GO) run ./packaging/windows

install: build ## for this user, or below PREFIX (and DESTDIR): program, icons, manual, completion, entry in the desktop's menu
	install -Dm755 $(BIN) "$(DESTDIR)$(PREFIX)/bin/mcpproxy-tray"
	cd packaging/linux/icons && find hicolor -type f -exec install -Dm644 {} "$(SHARE)/icons/{}" ';'
	install -dm755 "$(SHARE)/applications"
	@for file in $(TAB); do \
		shell=$${file#"$(SHARE)/"}; shell=$${shell%%[-/]*}; \
		install -d "$${file%/*}" && "$(DESTDIR)$(PREFIX)/bin/mcpproxy-tray" completion "$$shell" >"$$file" || exit; \
	done
	find packaging/man -name '*.1' -exec install -Dm644 -t "$(MAN)" {} +
	sed 's|^TryExec=.*|TryExec=$(PREFIX)/bin/mcpproxy-tray|; s|^Exec=.*|Exec="$(PREFIX)/bin/mcpproxy-tray"|' \
		packaging/linux/mcpproxy-tray.desktop >"$(SHARE)/applications/mcpproxy-tray.desktop"
	@packaging/linux/refresh "$(SHARE)"

uninstall: ## take away what install put there; configuration and data stay
	cd packaging/man && find . -name '*.1' -exec rm -f "$(MAN)/{}" ';'
	rm -f $(TAB) "$(DESTDIR)$(PREFIX)/bin/mcpproxy-tray" "$(SHARE)/applications/mcpproxy-tray.desktop"
	cd packaging/linux/icons && find hicolor -type f -exec rm -f "$(SHARE)/icons/{}" ';'
	@packaging/linux/refresh "$(SHARE)"

test: ## everything: unit tests, real processes, a real panel, npm peers
	.ci/setup
	$(GO) test -shuffle=on -timeout 5m ./internal/core/supervisor # with crowds that are too many for the race detector
	$(GO) test -race -shuffle=on -timeout 15m ./...

lint:
	@test -z "$$(gofmt -l cmd internal assets docs packaging)" || { gofmt -l cmd internal assets docs packaging; echo "run gofmt -w on these"; exit 1; }
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

numbers: ## what docs/performance.md says of the whole program; takes ten minutes, wants a quiet machine
	$(GO) test -v -count=1 -timeout 30m -run 'TestKilledServer|TestStart$$|TestStatusIsQuick|TestIdle|TestRelay$$' ./cmd/mcpproxy-tray -kills 100 -idle 60s -starts 15 -relay-time 4s -relay-crowd 10000 | grep -E 'NUMBER|^(ok|FAIL|---)'

kill-loop: ## kill -9 the program CYCLES times; 10,000 take half an hour of a quiet machine
	$(GO) test -v -count=1 -timeout 3h ./cmd/mcpproxy-tray -run TestKillLoop -strikes $(or $(CYCLES),10000) -record

soak: ## a million calls under faults, ten minutes of flapping, floods: 40 min of a quiet machine
	$(GO) test -v -count=1 -timeout 3h ./cmd/mcpproxy-tray -run 'TestChaos|TestCrowd|TestDeath|TestFlapping|TestIsolation|TestRemoteServer|TestStop' \
		-chaos-calls 1000000 -deaths 200 -flap 10m -half-open -record

report: ## make RELIABILITY.md of what kill-loop and soak have found
	$(GO) test -count=1 ./cmd/mcpproxy-tray -run TestReliabilityReport -update

conformance: ## the official suite and the matrix of eras, alone and through us; into docs/protocol.md
	.ci/setup
	$(GO) test -count=1 -timeout 20m ./cmd/mcpproxy-tray -run 'TestConformance|TestMatrix' -update

golden: ## rewrite the golden files after a look at the difference
	$(GO) test ./internal/tray/menu ./internal/core/faults -update

icons: ## draw the icons again
	$(GO) generate ./assets

man: ## write the pages of the manual again
	mkdir -p packaging/man
	$(GO) test -count=1 -run 'TestManual$$' ./cmd/mcpproxy-tray -man

screenshots: ## those of the README, from a real panel
	rm -rf $(CURDIR)/bin/shots && mkdir -p $(CURDIR)/bin/shots
	$(GO) test -count=1 -run 'TestXfce$$' -artifacts -outputdir $(CURDIR)/bin/shots ./cmd/mcpproxy-tray
	find $(CURDIR)/bin/shots -name '*.png' -exec cp {} docs/screenshots/ ';'
