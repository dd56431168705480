package main

// examples are shown by --help. A test reads each as the program would.
var examples = map[string]string{
	"dev": `ordertally dev
		# other addresses, an empty stack, its files elsewhere
		ordertally dev --order-listen 127.0.0.1:0 --activity-listen 127.0.0.1:0 --no-import --data /tmp/ordertally
		# activities of your own
		ordertally dev --config dev.yaml`,
	"config print": `ordertally config print`,
	"openapi":      `ordertally openapi order > openapi.json`,
	"metrics":      `ordertally metrics`,
	"schema":       `ordertally schema ORDER_CREATED`,
	"completion": `source <(ordertally completion bash)
		source <(ordertally completion zsh)
		ordertally completion fish | source`,
}
