package kafka

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ordertally/shared/clock/clocktest"
)

// running reports whether a process exists and is not a zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// The kernel ties a child's life to the thread that started it, and Go ends threads as it likes.
func TestProcess_OutlivesTheThreadThatAskedForIt(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		p      *process
		thread int
		err    error
	}
	results := make(chan result)
	var ask func()
	ask = func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		if syscall.Gettid() == syscall.Getpid() {
			go ask() // the main thread never ends; holding it forces another thread
			<-t.Context().Done()
			return
		}
		p, err := startProcess(cmd)
		results <- result{p, syscall.Gettid(), err}
	}
	go ask()
	r := <-results
	if r.err != nil {
		t.Fatal(r.err)
	}
	defer r.p.kill()
	clocktest.Eventually(t, "the end of the thread", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", r.thread))
		return os.IsNotExist(err)
	})
	if _, err := io.WriteString(in, "alive\n"); err != nil {
		t.Fatalf("the process has ended with the thread: %v", err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "alive\n" {
		t.Fatalf("the process answers %q, %v", line, err)
	}
}

// parentEnv tells this test binary to be the parent that gets killed.
const parentEnv = "ORDERTALLY_TEST_BE_A_PARENT"

func TestProcess_DiesWithItsParent(t *testing.T) {
	if os.Getenv(parentEnv) == "1" {
		p, err := startProcess(exec.Command("sleep", "600"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(p.cmd.Process.Pid) //nolint:forbidigo // what the other process waits for
		<-p.ended
		return
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestProcess_DiesWithItsParent$")
	parent.Env = append(os.Environ(), parentEnv+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || !running(pid) {
		t.Fatalf("the parent says %q (%v), and no such process runs", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed, as wanted
	clocktest.Eventually(t, "the end of the child", func() bool { return !running(pid) })
}
