// Package bench_test has the benchmarks that need a service or Apache Kafka, each with its baseline in the same run.
package bench_test

import (
	"os"
	"testing"

	"ordertally/stack/stacktest"
)

func TestMain(m *testing.M) { os.Exit(stacktest.Main(m)) }
