# What the project is held to, and how to run it. `make test` is everything; `make quick` is for every day.
.PHONY: help test quick race fuzz bench bench-judge generate pictures requirements build dist demo demo-check setup

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

test: ## everything: installs what it needs, both databases, race detector, fuzzing, examples, all platforms
	@script/test

quick: ## no installation, SQLite only
	@script/test format vet architecture
	go test -timeout 5m ./...

race: ## the rooms where goroutines meet, under the race detector
	@script/test race

fuzz: ## every fuzz target for SECONDS (20)
	@script/fuzz $(or $(SECONDS),20)

bench: ## the figures of docs/benchmarks.md
	@script/bench

bench-judge: ## how the judge does in simulated worlds, beside other ways to decide
	@script/bench-judge

generate: ## the templ pages, openapi.json, docs/requirements.md
	cd tools && go build -o ../bin/templ github.com/a-h/templ/cmd/templ
	cd internal/web && ../../bin/templ generate -log-level error
	go test ./internal/server -run OpenAPI -update
	@$(MAKE) --no-print-directory requirements

pictures: ## the pictures and figures of docs/judge.md: minutes
	go run ./internal/judge/contest/picture

requirements: ## docs/requirements.md from the req: comments of the tests
	go test -count=1 -run TestRequirements . -update

build: ## bin/slipway for this machine
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/slipway ./cmd/slipway

dist: ## dist for Linux and macOS, amd64 and arm64
	@script/build bin/dist

demo: ## a release goes out while you watch
	go run ./cmd/slipway demo

demo-check: ## every scenario of the demo, and how each must end
	@script/demo-check

setup: ## install what the full suite needs
	@script/setup
