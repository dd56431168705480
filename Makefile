# `make` alone prints help, made from the ## comments below.

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
export GOTESTSUM := gotest.tools/gotestsum@v1.13.0
export OAPI_CODEGEN := github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2
export GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# The tests of `make faults`.
FAULTS := \
	TestRelay_IsBackSoonAfterAFailover \
	TestOrder_PublishesOnceThroughRoundsOfKills \
	TestFinal_WaitsForATransactionThatIsOpenOverMidnight \
	TestSkip_IsTheWayPastARecordThatEndsTheService \
	TestSkip_IsTheWayPastABatchThatCannotBeExpanded \
	TestActivity_CountsOnceThroughRoundsOfKills \
	TestOrders_OnOneTopicPublishOnceThroughRoundsOfKills \
	TestRelay_PublishesAgainWhatAPowerCutTook \
	TestDrills_LoseNoPublishedOrderAndCountEachOnce \
	TestDrills_KafkaPublishesAgainWhatItLost \
	TestAPIs_AnswerSchemathesisAsDocumented
space := $(subst ,, )

# librdkafka is linked in: the Kafka client needs a C compiler.
export CGO_ENABLED := 1

.DEFAULT_GOAL := help
.PHONY: help build run test screenshots faults lint generate bench bench-full performance module clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/order, bin/activity and bin/ordertally
	@build/ready
	@test -e bin/ordertally || echo 'The first build takes a minute or two.'
	@mkdir -p bin
	go build -trimpath -o bin/ ./order/cmd/order ./activity/cmd/activity ./stack/cmd/ordertally

run: ## Start a broker and both services in one process, with real orders; Ctrl-C stops. ARGS="--order-listen :0" passes flags
	@build/ready run $(ARGS)
	@$(MAKE) --no-print-directory build
	@bin/ordertally dev $(ARGS)

test: lint ## Everything: lint, known vulnerabilities, alerts, unit and end-to-end tests. REQUIRE_ALL=1 makes a skip a failure
	@build/timed vulncheck build/vulncheck
	@build/timed promrules build/promrules
	@build/gotest
	@build/timed 'module of the benchmarks' build/benchtest
	@build/timed fuzz build/fuzz

screenshots: ## Pictures of every state of both consoles, into build/screenshots, and those of the README
	@mkdir -p build/screenshots
	SCREENSHOTS=build/screenshots go test -count=1 -timeout 10m -run '^Test(Orders)?Consoles?$$' ./stack/e2e
	cp build/screenshots/readme-1280-light.png docs/activity.png
	cp build/screenshots/readme-1280-dark.png docs/activity-dark.png

faults: ## 200 rounds of kill -9 of order, 100 of activity and 30 of two orders on one topic, on Apache Kafka, a power cut of its disk (as root), failover of three brokers, 20 drills of each kind of lost disk, records that end the service, 20,000 cases of schemathesis, 500 flipped bits of each file
	REQUIRE_ALL=1 ORDERTALLY_ROUNDS=$${ORDERTALLY_ROUNDS:-200} ORDERTALLY_COUNTING_ROUNDS=$${ORDERTALLY_COUNTING_ROUNDS:-100} \
	ORDERTALLY_SHARED_ROUNDS=$${ORDERTALLY_SHARED_ROUNDS:-30} ORDERTALLY_DRILLS=$${ORDERTALLY_DRILLS:-20} \
	ORDERTALLY_SCHEMATHESIS=20000 \
		go test -tags 'crash faults' -p 1 -count=1 -timeout 2h -v -run '^($(subst $(space),|,$(strip $(FAULTS))))$$' ./stack/faults ./stack/e2e
	ORDERTALLY_FLIPS=500 go test -count=1 -timeout 30m -v -run '^TestStore_NoFlippedBitOfItsStructureIsAWrongAnswer$$' ./order/orderstore ./activity/activitystore

lint: ## Formatting, go vet and golangci-lint
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { printf 'not formatted, run gofmt -w on:\n%s\n' "$$unformatted"; exit 1; }
	build/timed vet go vet ./...
	build/timed 'vet, crash and faults' go vet -tags 'crash faults' ./...
	build/timed golangci-lint build/tool $(GOLANGCI_LINT) run ./...
	build/timed 'generated files' build/generate check

generate: ## Write anew what is made of the programs: the list of settings, the OpenAPI documents, the clients
	@build/generate

bench: ## Measure the services as they are used, beside peers, in ten minutes. ARGS="-rows store -rounds 3" chooses; -help lists
	@mkdir -p bin
	cd bench && go run . -out ../bin/report.json $(ARGS)

bench-full: ## The same with ten million orders, and with peers that Debian has to install: postgresql, libsqlite3-dev, maven, a JDK
	@mkdir -p bin
	cd bench && go run -tags 'full libsqlite3' . -full -orders 10000000 -events 1000000 -invoices 100000 -out ../bin/report.json $(ARGS)

performance: ## Put what make bench or make bench-full measured last into docs/performance.md
	cd bench && go run ./draw ../bin/report.json ../docs

module: ## MODULE=example.com/you/ordertally gives the module another path, everywhere, for programs that import it
	@go run ./build/module "$(MODULE)"

clean: ## Remove what was built; ./data, where `make run` keeps its orders, stays
	rm -rf bin
