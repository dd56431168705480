package program

import (
	"os/exec"
	"runtime"
	"syscall"
)

// dieWithParent makes Linux kill the process when the thread that started it ends.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// start starts the process on a thread of its own, which lives as long as the process. exited is closed at its end.
func start(cmd *exec.Cmd, exited chan struct{}) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its state tells how it ended
			close(exited)
		}
	}()
	return <-started
}
