package main

// examples are shown by --help. A test runs each against a development stack, or reads it as the program would.
var examples = map[string]string{
	"serve": `# on this machine, with Kafka beside it
		activity serve --data activity.db --kafka 127.0.0.1:9092 --zone Europe/London
		# by a file that has the settings, such as the activities
		activity serve --config activity.yaml`,
	"day": `activity day
		activity day 2010-12-01 --tz Europe/London
		# until Ctrl-C: today as it grows
		activity day --watch --every 1s
		activity day 2010-12-01 --activity ORDER_CANCELLED -o json`,
	"days": `activity days
		activity days --from 2010-12-01 --to 2010-12-03
		# for a spreadsheet; amounts are in minor units
		activity days --from 2010-12-01 --to 2010-12-31 --by week -o csv > weeks.csv`,
	"ls": `activity ls`,
	"incidents": `activity incidents
		activity incidents --activity ORDER_CANCELLED -o ndjson`,
	"status": `activity status
		activity status --watch --every 1s`,
	"parked ls": `activity parked ls
		activity parked ls --activity ORDER_CREATED --class malformed -o ndjson`,
	"parked show":   `activity parked show 3-1042-9f86d081884c7d65`,
	"parked export": `activity parked export > parked.ndjson`,
	"parked retry": `activity parked retry 3-1042-9f86d081884c7d65
		activity parked retry --class unknown_version --reason "the program knows it now"`,
	"parked discard":    `activity parked discard 3-1042-9f86d081884c7d65 --reason "a test message"`,
	"late ls":           `activity late ls`,
	"late show":         `activity late show 3-1042-9f86d081884c7d65`,
	"late export":       `activity late export > late.ndjson`,
	"late accept":       `activity late accept 3-1042-9f86d081884c7d65 --reason "was not counted before"`,
	"late discard":      `activity late discard 3-1042-9f86d081884c7d65 --reason "was counted before"`,
	"conflicts ls":      `activity conflicts ls`,
	"conflicts show":    `activity conflicts show 3-1042-9f86d081884c7d65`,
	"conflicts export":  `activity conflicts export > conflicts.ndjson`,
	"conflicts accept":  `activity conflicts accept 3-1042-9f86d081884c7d65 --reason "both orders are genuine"`,
	"conflicts discard": `activity conflicts discard 3-1042-9f86d081884c7d65 --reason "forged"`,
	"skip":              `activity skip --data activity.db --partition 3 --offset 1042 --reason "ends the service"`,
	"rebuild": `# count again beside the live figures, look, and swap
		activity rebuild ORDER_CREATED
		activity rebuild ORDER_CREATED --status
		activity rebuild ORDER_CREATED --swap
		# everything into a new file
		activity rebuild --data new.db --kafka 127.0.0.1:9092 --compare activity.db`,
	"restore": `activity restore --data new.db --base activity-2026-11-28.backup`,
	"verify": `activity verify --orders http://127.0.0.1:8080
		activity verify --orders http://127.0.0.1:8080 --activity ORDER_CREATED -o ndjson`,
	"keys new": `activity keys new dashboard --scopes stats:read
		# the first key, while the service is stopped, with every scope that it is to hand on
		activity keys new admin --data activity.db --scopes keys:write,stats:read,ops:read,ops:write,backup:read`,
	"keys ls":     `activity keys ls -o json`,
	"keys revoke": `activity keys revoke 4f2a9c1e`,
	"config check": `activity config check --config activity.yaml
		# also read the last 1,000 records of each topic, and say what would be counted
		activity config check --config activity.yaml --try 1000`,
	"config print": `activity config print
		# as a settings file
		activity config print -o yaml > activity.yaml`,
	"healthcheck": `activity healthcheck --check readyz`,
	"backup": `# of the running service
		activity backup activity-2026-11-28.backup
		# of a stopped one
		activity backup activity-2026-11-28.backup --data activity.db`,
	"check": `activity check --data activity.db
		activity check --data activity-2026-11-28.backup`,
	"completion": `source <(activity completion bash)
		source <(activity completion zsh)
		activity completion fish | source`,
}
