package kafka

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"syscall"
)

var errEnded = errors.New("the process ended")

// process is a child process that is always waited for.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has been waited for
}

// startProcess starts cmd, so that the process does not outlive this one. Linux ties that to the thread that started
// it. So one goroutine keeps its thread from the start to the end of the process.
func startProcess(cmd *exec.Cmd) (*process, error) {
	dieWithParent(cmd)
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended does not matter, because the log tells
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// signal sends s. It does nothing to a process that has ended.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process at once, paused or not. It returns when the process has ended.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// whileRunning returns ctx, cancelled with errEnded when the process ends. Call release when done with it.
func (p *process) whileRunning(ctx context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-p.ended:
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-watched
	}
}
