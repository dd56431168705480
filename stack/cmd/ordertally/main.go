// Command ordertally runs all of Ordertally in one process, for development and for a first look.
package main

import (
	"os"

	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/settings"
)

// commands are the verbs. Each has its own file.
type commands struct {
	// Run a broker and both services in one process, with three days of real orders the first time.
	Dev devCmd `cmd:"" checks:"itself"`
	// Print the settings of dev.
	Config configCmd `cmd:""`
	// Print the OpenAPI document of a service.
	OpenAPI openapiCmd `cmd:"" name:"openapi"`
	// Print a table of all metrics of both services.
	Metrics metricsCmd `cmd:""`
	// Print the JSON Schema of a type of messages.
	Schema schemaCmd `cmd:""`
	// Print what bash, zsh or fish needs to complete the command line.
	Completion settings.Completion `cmd:""`
}

func main() { os.Exit(settings.Report(os.Stderr, program().Run(&commands{}, os.Args[1:]))) }

func program() settings.Program {
	return settings.Program{Name: "ordertally", Description: "Orders in, statistics out.", EnvPrefix: "ORDERTALLY",
		Variables: tracing.Variables(), Examples: examples}
}
