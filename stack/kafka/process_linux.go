package kafka

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the process when this one ends, and keeps a Ctrl-C on the terminal from it.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
