package kafka

import (
	"context"
	"os"
	"testing"
	"time"
)

// Require skips the test, loudly, when this machine cannot start a broker ([Available]). With REQUIRE_ALL=1 in the
// environment the test fails instead.
func Require(t testing.TB) {
	t.Helper()
	err := Available()
	switch {
	case err == nil:
	case os.Getenv("REQUIRE_ALL") == "1":
		t.Fatalf("REQUIRE_ALL=1, and Apache Kafka cannot be started: %v", err)
	default:
		t.Skipf("SKIPPED: Apache Kafka: %v", err)
	}
}

// ForTest starts a broker in a new directory, with the package's own settings, and kills it when the test has ended. If
// the test failed, its log has the end of the broker's log. If something is missing for a broker, ForTest does what
// Require says.
func ForTest(t testing.TB) *Kafka {
	t.Helper()
	return ForTestWith(t, Options{})
}

// ForTestWith is ForTest with options. Dir is always a new directory.
func ForTestWith(t testing.TB, options Options) *Kafka {
	t.Helper()
	Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute) // enough for a first download of the jars
	defer cancel()
	options.Dir = t.TempDir()
	k, err := Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.Kill()
		if t.Failed() {
			t.Logf("the log of Apache Kafka %s ends:\n%s", Version(), k.logTail())
		}
	})
	return k
}
