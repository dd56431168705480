package settings

import (
	"context"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"
)

// Run parses args and runs the command that they ask for:
//
//	func main() { os.Exit(settings.Report(os.Stderr, program.Run(&commands{}, os.Args[1:]))) }
//
// The Run method of a command may take a context.Context, which ends with SIGINT or SIGTERM; a second signal ends the
// process at once. Without a Version the one that the Go command recorded is used.
func (p Program) Run(cli any, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	if p.Version == "" {
		p.Version = recordedVersion()
	}
	p.Options = append(slices.Clone(p.Options), kong.BindTo(ctx, (*context.Context)(nil)))
	parsed, err := p.Parse(cli, args)
	if err != nil {
		return err
	}
	return parsed.Run()
}

func recordedVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
