package settings

import (
	"context"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// Run parses args and runs the command that they ask for:
//
//	func main() { os.Exit(settings.Report(os.Stderr, program.Run(&commands{}, os.Args[1:]))) }
//
// The Run method of a command may take a context.Context, which ends with SIGINT or SIGTERM; a second signal ends the
// process at once. Without a Version the one that the Go command recorded is used.
func (p Program) Run(cli any, args []string) error {
	if p.Version == "" {
		p.Version = recordedVersion()
	}
	parsed, err := p.Parse(cli, args)
	if err != nil {
		return err
	}
	// Not before the settings are read: until then nobody listens to ctx, and a signal must end the process.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	parsed.BindTo(ctx, (*context.Context)(nil))
	return parsed.Run()
}

func recordedVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
