package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/backup"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/settings"
)

// placeSome places that many orders, each with a key of its own.
func placeSome(t *testing.T, store order.Store, n int) {
	t.Helper()
	for i := range n {
		_, err := store.Place(t.Context(), &order.Request{Key: order.HashKey("", strings.Repeat("k", i+1)),
			CustomerID: "17850", Payload: event.Encode(&event.Order{
				Currency: "EUR", CustomerID: "17850", Lines: []event.Line{{SKU: "a", Quantity: 1}}})})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestBackup_OfARunningServiceAndOfAFile makes both, checks them, and finds a flipped bit.
func TestBackup_OfARunningServiceAndOfAFile(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	placeSome(t, service.Store, 20)
	dir := t.TempDir()
	live, stopped := filepath.Join(dir, "live.backup"), filepath.Join(dir, "stopped.backup")
	if err := run([]string{"backup", live, "--target", service.URL}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "order.db")
	m, err := backup.Extract(t.Context(), live, path)
	if err != nil || m.Service != "order" || m.Identity != service.Outbox.Lineage() || m.Counts["orders"] != 20 ||
		m.Counts["idempotency_keys"] != 20 || m.Counts["messages"] != 20 || m.Counts["last_slot"] != 20 {
		t.Errorf("%+v, %v", m, err)
	}
	if err := run([]string{"backup", stopped, "--data", path}); err != nil {
		t.Error(err)
	}
	for _, file := range []string{live, stopped, path} {
		if err := run([]string{"check", "--data", file}); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	before, _ := os.ReadFile(live)
	if err := run([]string{"backup", live, "--target", service.URL}); settings.ExitCode(err) != settings.ExitUsage {
		t.Errorf("over a file: %v", err)
	}
	if after, err := os.ReadFile(live); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed: %v", err)
	}
	before[len(before)/2] ^= 8
	if err := os.WriteFile(live, before, 0o600); err != nil {
		t.Fatal(err)
	}
	err = run([]string{"check", "--data", live})
	if settings.ExitCode(err) != settings.ExitFailed || !strings.Contains(err.Error(), live) {
		t.Errorf("a flipped bit: %v", err)
	}
}

func TestBackup_RefusesWhatItCannotBackUp(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "new.backup")
	path := filepath.Join(dir, "order.db")
	db, _, _ := openStore(t, path)
	letter := filepath.Join(dir, "letter")
	if err := os.WriteFile(letter, []byte("Dear friend, this is no database file."), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"backup"}, settings.ExitUsage, "file"},
		{[]string{"backup", file, "--data", path + "x"}, settings.ExitUsage, path + "x"},
		{[]string{"backup", file, "--data", dir}, settings.ExitUsage, dir},
		{[]string{"backup", file, "--data", letter}, settings.ExitFailed, letter},
		{[]string{"backup", file, "--data", path}, settings.ExitFailed, "use --target"},
		{[]string{"backup", file, "--target", "http://127.0.0.1:1"}, settings.ExitFailed, "127.0.0.1:1"},
		{[]string{"backup", filepath.Join(dir, "none", "b"), "--target", "http://127.0.0.1:1"}, settings.ExitFailed,
			"none"},
	} {
		err := run(c.args)
		if code := settings.ExitCode(err); code != c.want || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: exit code %d, %v", c.args, code, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) != 2 {
		t.Errorf("it left %v, %v", found, err)
	}
}
