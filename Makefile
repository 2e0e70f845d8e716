# What each word does is in HACKING.md. Everything real stands in scripts/, so that it can be run
# and read on its own.
PREFIX ?= /usr/local
DESTDIR ?=
SWIFT_BUILD ?= swift build
BINARY = .build/release/kairos

.PHONY: help build demo test simulate bench bench-full lint deps install uninstall clean

help:
	@sed -n 's/^## //p' Makefile

## make build      the product, optimised: .build/release/kairos
build:
	@scripts/deps build
	$(SWIFT_BUILD) -c release --product kairos --static-swift-stdlib

## make demo       plays the stories of replay/ at a visible pace
demo: build
	$(BINARY) demo

## make test       builds and runs all tests; says at the end what was skipped, and why
test:
	@scripts/deps test
	@scripts/test

## make simulate   the engine over a model of the log, seed by seed; optimised
simulate:
	@scripts/simulate

## make bench      speed, size and latency beside their goals; a few minutes
bench:
	@scripts/bench

## make bench-full the same with larger sizes, and restarts, failovers and restores; an hour
bench-full:
	@scripts/bench --full

## make lint       swift format, strict
lint:
	@scripts/lint

## make deps       installs the Debian packages that building and testing need
deps:
	@scripts/deps test

## make install    PREFIX=/usr/local: bin/kairos and share/kairos
install: build
	@scripts/install "$(DESTDIR)$(PREFIX)" $(BINARY)

## make uninstall  takes away what install put there
uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/kairos"
	rm -rf "$(DESTDIR)$(PREFIX)/share/kairos"

## make clean      removes what was built
clean:
	rm -rf .build
