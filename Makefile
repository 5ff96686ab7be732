# Every target is one step a person takes; the longer ones are scripts of their own.

configuration := Release
arch := $(shell uname -m)
rid := $(or $(if $(filter x86_64,$(arch)),linux-x64),$(if $(filter aarch64 arm64,$(arch)),linux-arm64))

# A build must not leave background processes that hold its output open.
export MSBUILDDISABLENODEREUSE := 1

.PHONY: help run test build release bench format format-check clean
.DEFAULT_GOAL := help

help: ## lists the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' Makefile | column -t -s '|'

run: ## starts hotcore with a demo app behind it, and prints the URL to open
	@scripts/run.sh

test: ## checks the format, and runs every test against the program that ships
	@scripts/test.sh

build: ## publishes the program as one self-contained file: artifacts/hotcore
	$(if $(rid),,$(error hotcore is built for x86_64 and aarch64, and this machine is $(arch)))
	@dotnet publish src/Hotcore -c $(configuration) -r $(rid) -o artifacts/publish --nologo -v quiet
	@cp artifacts/publish/hotcore artifacts/hotcore.new && mv -f artifacts/hotcore.new artifacts/hotcore
	@ls -lh artifacts/hotcore | awk '{ print "built " $$NF ", " $$5 }'

release: ## packs what is published: archives, a .deb, install.sh and their SHA-256 sums, in artifacts/release
	@packaging/release.sh

bench: build ## measures hotcore beside nginx and HAProxy, and writes bench/RESULTS.md
	@bench/run.py

format: ## formats the code
	@dotnet format Hotcore.slnx

format-check: ## tells whether the code is formatted, and changes nothing
	@dotnet format Hotcore.slnx --verify-no-changes

clean: ## removes everything that was built
	@rm -rf artifacts
