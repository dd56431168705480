package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ordertally/stack/stacktest"
)

// TestLog_AnErrorIsOnTheDisk counts fsync calls on the log file. A line of level error causes one, because a service
// that ends with an error writes that line last.
func TestLog_AnErrorIsOnTheDisk(t *testing.T) {
	order := stacktest.OrderProgram(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed: that a line is on the disk cannot be shown")
	}
	dir := t.TempDir()
	log, calls := filepath.Join(dir, "order.log"), filepath.Join(dir, "calls")
	cmd := exec.Command(strace, "-f", "-y", "-e", "trace=fsync,write", "-o", calls,
		order, "serve", "--data", filepath.Join(dir, "none", "order.db"), "--log-file", log)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	wrote := regexp.MustCompile(`write\(\d+<[^>]*order\.log>, "\{\\"level\\":\\"error\\"`)
	synced := regexp.MustCompile(`fsync\(\d+<[^>]*order\.log>`)
	w, s := wrote.FindStringIndex(string(text)), synced.FindAllStringIndex(string(text), -1)
	if w == nil || len(s) < 2 || s[0][0] < w[0] { // one for the line, one at the end
		t.Errorf("written at %v, synced at %v:\n%s", w, s, strings.TrimSpace(string(text)))
	}
}
