// Command activity runs the activity service, and talks to a running one.
package main

import (
	"os"

	"github.com/alecthomas/kong"

	"ordertally/activity/activityd"
	"ordertally/activity/activitystore"
	"ordertally/shared/auth/keyverbs"
	"ordertally/shared/backup/backupverbs"
	"ordertally/shared/service"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/settings"
)

// commands lists the verbs. Each has a file of its own.
type commands struct {
	// Run the service until it is told to stop (SIGINT, SIGTERM or SIGHUP).
	Serve serveCmd `cmd:"" checks:"itself"`
	// Show the figures of a day.
	Day dayCmd `cmd:""`
	// Show the figures of a range of days, weeks or months.
	Days daysCmd `cmd:""`
	// List what is counted, and how many messages wait for a decision.
	Ls lsCmd `cmd:""`
	// List what was found about an activity's topic: records that Kafka lost, messages that may be forged.
	Incidents incidentsCmd `cmd:""`
	// Show how the service stands with Kafka, and how far it has counted.
	Status statusCmd `cmd:""`
	// Look after messages that could not be counted.
	Parked parkedCmd `cmd:""`
	// Skip a record that kills the service when it reads it. The service must be stopped. The act and its reason are
	// recorded.
	Skip skipCmd `cmd:""`
	// Count an activity again from the beginning of its topic, beside the figures of the running service, and swap the
	// two when told.
	Rebuild rebuildCmd `cmd:""`
	// Make a new database file from a backup or from another database file.
	Restore restoreCmd `cmd:""`
	// Compare, day by day, what was counted with what the order service stored.
	Verify verifyCmd `cmd:""`
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
	// List, count or discard messages that may have been counted before.
	Late lateCmd `cmd:""`
	// List, count or discard messages whose id another message had.
	Conflicts conflictsCmd `cmd:""`
	// Print what bash, zsh or fish needs to complete the command line.
	Completion settings.Completion `cmd:""`
}

func main() { os.Exit(settings.Report(os.Stderr, run(os.Args[1:]))) }

func run(args []string) error { return program().Run(&commands{}, args) }

func program() settings.Program {
	return settings.Program{
		Name:        "activity",
		Description: "Counts what happens in Ordertally, by day in any time zone.",
		EnvPrefix:   "ACTIVITY",
		Variables: append([]settings.Variable{
			{Env: keyVariable, File: "api-key-file", Help: "API key or token to send to the activity service",
				Secret: true},
			{Env: ordersKeyVariable, File: "orders-api-key-file",
				Help: "API key or token to send to the order service, of `activity verify`", Secret: true},
		}, tracing.Variables()...),
		Examples: examples,
		Options: []kong.Option{
			kong.Vars(settings.Vars(&activityd.Config{})),
			kong.Bind(activitystore.Backup(), backedUp()),
			kong.Vars{
				"api_target": "http://127.0.0.1:8090",
			},
			kong.Bind(&keyverbs.Service{Format: activitystore.Format, KeyVariable: keyVariable}),
		},
	}
}
