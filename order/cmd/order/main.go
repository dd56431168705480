// Command order runs the order service and talks to a running one.
package main

import (
	"os"

	"github.com/alecthomas/kong"

	"ordertally/order/orderd"
	"ordertally/order/orderstore"
	"ordertally/shared/auth/keyverbs"
	"ordertally/shared/backup/backupverbs"
	"ordertally/shared/service"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/settings"
)

// commands are the verbs. Each has its own file.
type commands struct {
	// Run the service until it is told to stop (SIGINT, SIGTERM or SIGHUP).
	Serve serveCmd `cmd:"" checks:"itself"`
	// Place one order.
	Place placeCmd `cmd:""`
	// Show one order with its lines.
	Get getCmd `cmd:""`
	// List orders, the newest first.
	Ls lsCmd `cmd:""`
	// Cancel an order.
	Cancel cancelCmd `cmd:""`
	// Place the orders of CSV files. Repeated, it places nothing twice.
	Import importCmd `cmd:""`
	// Show whether a running service reaches Kafka, what waits to be published, its incidents and its backups.
	Status statusCmd `cmd:""`
	// Follow one order: when it was committed, published and counted.
	Trace traceCmd `cmd:""`
	// Publish the messages of a range of orders once more, for consumers that lost them or came later. Those that have
	// them refuse them.
	Republish republishCmd `cmd:""`
	// Give a running service what only the file of a stopped one has. Repeated, it changes nothing.
	Handover handoverCmd `cmd:""`
	// Look after messages that could not be published.
	Outbox outboxCmd `cmd:""`
	// Make, list and revoke API keys.
	Keys keyverbs.Commands `cmd:""`
	// Check the settings of the service, or print them.
	Config configCmd `cmd:""`
	// Ask a running service whether it is well; the exit code says so.
	Health service.HealthCheck `cmd:"" name:"healthcheck"`
	// Copy the database of a running service, or of a stopped one, to a new file, and verify the copy.
	Backup backupverbs.Command `cmd:""`
	// Check every page and record of a database file or a backup for damage. A service that uses the file must be
	// stopped. The exit code is 1 if there is damage.
	Check service.FileCheck `cmd:""`
	// Give the free pages of a database file back to the disk. The service must be stopped.
	Compact compactCmd `cmd:""`
	// Make a new database file out of the topic, a backup, or both, after a disk was lost.
	Restore restoreCmd `cmd:""`
	// Print what bash, zsh or fish needs to complete the command line.
	Completion settings.Completion `cmd:""`
}

func main() { os.Exit(settings.Report(os.Stderr, run(os.Args[1:]))) }

func run(args []string) error { return program().Run(&commands{}, args) }

func program() settings.Program {
	return settings.Program{
		Name:        "order",
		Description: "Accepts orders and publishes each exactly once.",
		EnvPrefix:   "ORDER",
		Variables: append([]settings.Variable{
			{Env: keyVariable, File: "api-key-file", Help: "API key or token to send to the order service",
				Secret: true},
			{Env: activityKeyVariable, File: "activity-api-key-file",
				Help: "API key or token to send to the activity service, of `order trace`", Secret: true},
		}, tracing.Variables()...),
		Examples: examples,
		Options: []kong.Option{
			kong.Vars(settings.Vars(&orderd.Config{})),
			kong.Bind(orderstore.Backup(), backedUp()),
			kong.Vars{"api_target": "http://127.0.0.1:8080"},
			kong.Bind(&keyverbs.Service{Format: orderstore.Format, KeyVariable: keyVariable}),
		},
	}
}
