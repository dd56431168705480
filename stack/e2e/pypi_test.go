package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// toolFromPyPI returns the path of a program: the one that the variable names, the one that .ci/run has installed, or
// the one on PATH. Without any it skips the test. A variable that names nothing is a failure.
func toolFromPyPI(t *testing.T, name, variable, version string) string {
	t.Helper()
	if named := os.Getenv(variable); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			t.Fatalf("%s names no program: %v", variable, err)
		}
		return path
	}
	candidates := []string{name}
	if cache, err := os.UserCacheDir(); err == nil {
		installed := filepath.Join(cache, "ordertally", name+"-"+version, "bin", name)
		candidates = []string{installed, name}
	}
	for _, candidate := range candidates {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	missing := fmt.Sprintf("%s %s is not installed: run .ci/run once, or pip install %[1]s==%[2]s, or name it in %s",
		name, version, variable)
	if os.Getenv("REQUIRE_ALL") == "1" {
		t.Fatal("REQUIRE_ALL=1, and " + missing)
	}
	t.Skip("SKIPPED: " + missing)
	return ""
}
