package stacktest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built holds the programs that this test binary has built.
var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// OrderProgram returns the path of bin/order, which is built once. The package's TestMain must be Main.
func OrderProgram(t testing.TB) string { return program(t, "ordertally/order/cmd/order") }

// ActivityProgram is OrderProgram for bin/activity.
func ActivityProgram(t testing.TB) string { return program(t, "ordertally/activity/cmd/activity") }

// DevProgram is OrderProgram for bin/ordertally.
func DevProgram(t testing.TB) string { return program(t, "ordertally/stack/cmd/ordertally") }

// Programs returns the paths of order and activity.
func Programs(t testing.TB) (order, activity string) { return OrderProgram(t), ActivityProgram(t) }

func program(t testing.TB, source string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path := built.paths[source]; path != "" {
		return path
	}
	if built.dir == "" {
		t.Fatal("programs are built for packages whose TestMain is stacktest.Main: it removes them")
	}
	path := filepath.Join(built.dir, filepath.Base(source))
	if output, err := exec.Command("go", "build", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", source, err, output)
	}
	built.paths[source] = path
	return path
}

// Main runs the tests of a package that starts programs, and returns the exit code.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "programs")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	built.dir, built.paths = dir, map[string]string{}
	return m.Run()
}
