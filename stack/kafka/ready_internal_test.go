package kafka

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"
)

// silent starts a process that is no broker.
func silent(t *testing.T, seconds string) *process {
	t.Helper()
	p, err := startProcess(exec.Command("sleep", seconds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func nobodysAddr(t *testing.T) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return (&Kafka{port: port}).Addr()
}

func TestWaiting_EndsWithTheProcess(t *testing.T) {
	if err := waitReady(t.Context(), silent(t, "0.1"), nobodysAddr(t)); !errors.Is(err, errEnded) {
		t.Fatalf("waitReady = %v, want %v", err, errEnded)
	}
}

func TestWaiting_EndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := waitReady(ctx, silent(t, "600"), nobodysAddr(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("waitReady = %v, want %v", err, context.DeadlineExceeded)
	}
}
