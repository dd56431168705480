// Package e2e_test acts as users, operators and other programs, with both services and a broker.
package e2e_test

import (
	"os"
	"testing"

	"ordertally/stack/stacktest"
)

func TestMain(m *testing.M) { os.Exit(stacktest.Main(m)) }
