package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ordertally/activity/declare"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/settings"
)

// TestRebuild_CountsIntoANewFile counts payments into a file, restores another from it, and counts them once more with
// a measure more.
func TestRebuild_CountsIntoANewFile(t *testing.T) {
	dev := devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()})
	at := time.Now().Truncate(time.Second).UTC()
	var values []string
	for i := range 20 {
		values = append(values, fmt.Sprintf(`{"ts":%d,"amount":%d,"currency":"EUR"}`, at.Unix(), 100+i))
	}
	publishPlain(t, dev.Addr(), "pay.v1", "PaymentCaptured", values...)
	dir := t.TempDir()
	rebuild := func(c *rebuildCmd, measures string) (string, error) {
		t.Helper()
		var out bytes.Buffer
		c.Kafka, c.Activities = []string{dev.Addr()}, declare.Text("[{name: PAYMENT, topic: pay.v1, type: "+
			"PaymentCaptured, type-at: 'header:eventType', id: 'header:id', time: ts unit=s, measures: {"+measures+
			"}}]")
		if err := settings.Complete(&c.Config, ""); err != nil {
			t.Fatal(err)
		}
		err := c.run(t.Context(), &out)
		return out.String(), err
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	first := new(rebuildCmd)
	first.Data = file("first.db")
	said, err := rebuild(first, "paid: sum(amount) by currency")
	if err != nil || !strings.Contains(said, "PAYMENT: 20 events from the beginning of topic pay.v1\n") ||
		!strings.Contains(said, "ORDER_CREATED: topic order.activity.v1 does not exist\n") {
		t.Fatalf("%v\n%s", err, said)
	}
	if _, err := rebuild(first, "paid: sum(amount) by currency"); settings.ExitCode(err) != settings.ExitUsage {
		t.Errorf("a file that exists: %v", err)
	}

	restored := restoreCmd{Data: file("restored.db"), Base: first.Data}
	var out bytes.Buffer
	if err := restored.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if err := restored.run(t.Context(), &out); settings.ExitCode(err) != settings.ExitUsage {
		t.Errorf("restored over a file: %v", err)
	}
	broken := restoreCmd{Data: file("broken.db"), Base: file("text")}
	if err := os.WriteFile(broken.Base, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := broken.run(t.Context(), &out); err == nil {
		t.Error("restored from a text")
	}
	if _, err := os.Stat(broken.Data); !os.IsNotExist(err) {
		t.Errorf("a file is left: %v", err)
	}

	same := new(rebuildCmd)
	same.Data, same.Base, same.Compare = file("same.db"), restored.Data, first.Data
	if said, err := rebuild(same, "paid: sum(amount) by currency"); err != nil ||
		!strings.Contains(said, "PAYMENT: 20 events") || !strings.Contains(said, "no day differs") {
		t.Errorf("on top of a base: %v\n%s", err, said)
	}
	more := new(rebuildCmd)
	more.Data, more.Compare = file("more.db"), first.Data
	said, err = rebuild(more, "paid: sum(amount) by currency, total: sum(amount)")
	if err != nil || !strings.Contains(said, at.Format(time.DateOnly)+" differs: total 0 -> 2190\n") {
		t.Errorf("with another measure: %v\n%s", err, said)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 5 {
		t.Errorf("files are left: %v, %v", entries, err)
	}
}
