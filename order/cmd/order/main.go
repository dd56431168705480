// Command order runs the order service and talks to one that runs.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"ordertally/order/orderd"
	"ordertally/shared/settings"
)

func main() { os.Exit(settings.Report(os.Stderr, run(os.Args[1:]))) }

// commands are the verbs, a file each.
type commands struct {
	Serve  serveCmd  `cmd:"" help:"Run the service until it is told to stop (SIGINT or SIGTERM)."`
	Import importCmd `cmd:"" help:"Place the orders of CSV files. Repeated, it places nothing twice."`
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	program := settings.Program{
		Name:        "order",
		Description: "Accepts orders and publishes each exactly once.",
		EnvPrefix:   "ORDER",
		Version:     version(),
		Options: []kong.Option{
			kong.Vars(orderd.FlagDefaults()),
			kong.BindTo(ctx, (*context.Context)(nil)),
		},
	}
	var cli commands
	parsed, err := program.Parse(&cli, args)
	if err != nil {
		return err
	}
	return parsed.Run()
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
