// Command ordertally runs all of Ordertally in one process, for development and to look around.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"ordertally/shared/settings"
)

func main() { os.Exit(settings.Report(os.Stderr, run(os.Args[1:]))) }

// commands are the verbs, a file each.
type commands struct {
	Dev devCmd `cmd:"" help:"Run a broker and both services in one process, with three days of real orders the first time."`
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	program := settings.Program{
		Name:        "ordertally",
		Description: "Orders in, statistics out.",
		EnvPrefix:   "ORDERTALLY",
		Version:     version(),
		Options:     []kong.Option{kong.BindTo(ctx, (*context.Context)(nil))},
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
