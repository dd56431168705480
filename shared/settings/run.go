package settings

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// Run parses args and runs the command that they name:
//
//	func main() { os.Exit(settings.Report(os.Stderr, program.Run(&commands{}, os.Args[1:]))) }
//
// The Run method of a command may take a context.Context. It ends with SIGINT, SIGTERM or SIGHUP. A second SIGINT or
// SIGTERM ends the process at once. A SIGHUP that was ignored when the process started, as under nohup, stays ignored.
// Without a Version, the one that the Go command recorded is used.
func (p Program) Run(cli any, args []string) error {
	if p.Version == "" {
		p.Version = recordedVersion()
	}
	parsed, err := p.Parse(cli, args)
	if err != nil {
		return err
	}
	// Do this only after the settings are read. Until then nobody listens to ctx, and a signal must end the process.
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	context.AfterFunc(ctx, func() {
		// a closing terminal sends several, and systemd can send one after its SIGTERM
		signal.Ignore(syscall.SIGHUP)
		stop()
	})
	parsed.BindTo(ctx, (*context.Context)(nil))
	return parsed.Run()
}

func recordedVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
