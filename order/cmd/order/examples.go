package main

// examples are shown by --help. A test runs each against a development stack, or reads it as the program would.
var examples = map[string]string{
	"serve": `# on this machine, with Kafka beside it
		order serve --data order.db --kafka 127.0.0.1:9092
		# by a file that has the settings
		order serve --config order.yaml`,
	"place": `order place order.json
		# the order on standard input; repeated with the same key, it places nothing twice
		order place --idempotency-key till-1-4711 < order.json
		# answered only when it is in Kafka as well
		order place order.json --durability kafka -o json`,
	"get": `order get 01890a5d-ac96-774b-8000-a8b45f0c6d21
		# until Ctrl-C: what becomes of its message
		order get 01890a5d-ac96-774b-8000-a8b45f0c6d21 --watch`,
	"ls": `order ls --customer-id 17850
		# find the one order of a source
		order ls --source online-retail --reference 536365
		order ls --status cancelled --currency GBP --placed-from 2010-12-01 --placed-to 2010-12-04
		# everything, for a spreadsheet
		order ls --all -o csv > orders.csv
		# orders as they come
		order ls --watch`,
	"cancel": `order cancel 01890a5d-ac96-774b-8000-a8b45f0c6d21 --reason "ordered twice" --yes`,
	"import": `order import 2010-12-01.csv 2010-12-02.csv --rejects rejects.csv`,
	"status": `order status
		# until Ctrl-C
		order status --watch --every 1s`,
	"trace": `order trace 01890a5d-ac96-774b-8000-a8b45f0c6d21
		order trace 01890a5d-ac96-774b-8000-a8b45f0c6d21 --activity-target http://127.0.0.1:8090 --watch`,
	"republish": `order republish --placed-from 2010-12-01T00:00:00Z --placed-to 2010-12-02T00:00:00Z`,
	"handover":  `order handover --data overtaken.db --target http://127.0.0.1:8080`,
	"outbox ls": `order outbox ls
		order outbox ls --class too_large --older-than 1h -o ndjson
		# those that are tried again, and when
		order outbox ls --waiting`,
	"outbox show":   `order outbox show 01890a5d-ac96-774b-8000-000000000001`,
	"outbox export": `order outbox export > parked.ndjson`,
	"outbox retry": `order outbox retry 01890a5d-ac96-774b-8000-000000000001
		order outbox retry --class too_large --reason "the topic takes 2 MiB now"`,
	"outbox discard": `order outbox discard 01890a5d-ac96-774b-8000-000000000001 --reason "a test order"`,
	"outbox partitions": `# once the topic has 12
		order outbox partitions 12`,
	"keys new": `order keys new shop --scopes orders:write,orders:read
		# the first key, while the service is stopped, with every scope that it is to hand on
		order keys new admin --data order.db --scopes ` +
		"keys:write,orders:write,orders:read,orders:backfill,orders:handover,ops:read,ops:write,backup:read",
	"keys ls":     `order keys ls -o json`,
	"keys revoke": `order keys revoke 4f2a9c1e`,
	"config check": `order config check --config order.yaml
		order config check --data order.db --listen 127.0.0.1:8080`,
	"config print": `order config print
		# as a settings file
		order config print -o yaml > order.yaml`,
	"healthcheck": `order healthcheck --check readyz`,
	"backup": `# of the running service
		order backup order-2026-11-28.backup
		# of a stopped one
		order backup order-2026-11-28.backup --data order.db`,
	"check": `order check --data order.db
		order check --data order-2026-11-28.backup`,
	"compact": `order compact --data order.db`,
	"restore": `# first look what there is
		order restore --data new.db --from-topic --kafka 127.0.0.1:9092 --dry-run
		order restore --data new.db --base order-2026-11-28.backup --from-topic --kafka 127.0.0.1:9092`,
	"completion": `source <(order completion bash)
		source <(order completion zsh)
		order completion fish | source`,
}
