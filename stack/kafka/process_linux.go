package kafka

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel kill the process when this one ends. It also shields it from a Ctrl-C on the terminal.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
