package kafka

import (
	"context"
	"os"
	"testing"
	"time"
)

// Require skips the test, loudly, when this machine cannot start a broker ([Available]). With REQUIRE_ALL=1 in the
// environment it fails it instead.
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

// ForTest starts a broker in a new directory, with the package's own settings, and kills it when the test has ended.
// When the test failed, the end of the broker's log is in the test's. Without what a broker needs it does what Require
// says.
func ForTest(t testing.TB) *Kafka {
	t.Helper()
	return ForTestWith(t, Options{})
}

// ForTestWith is ForTest with options; Dir is a new directory whatever they say.
func ForTestWith(t testing.TB, options Options) *Kafka {
	t.Helper()
	Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute) // a first copy of the jars included
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
