package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
)

// answer runs a command line and reads the JSON that it writes to standard output.
func answer(t *testing.T, args ...string) (said map[string]any, err error) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	shown := os.Stdout
	os.Stdout = out
	err = run(append(args, "-o", "json"))
	os.Stdout = shown
	text, readErr := os.ReadFile(out.Name())
	if readErr == nil {
		readErr = json.Unmarshal(text, &said)
	}
	if readErr != nil {
		t.Fatalf("%v: %v in %q", args, readErr, text)
	}
	return said, err
}

// TestVerbsOfFiles_AnswerInJSON runs them one after the other, as a program would that keeps backups.
func TestVerbsOfFiles_AnswerInJSON(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	placeSome(t, service.Store, 20)
	dir := t.TempDir()
	saved, restored := filepath.Join(dir, "order.backup"), filepath.Join(dir, "order.db")
	sales, rejects := filepath.Join(dir, "sales.csv"), filepath.Join(dir, "rejects.csv")
	const rows = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n" +
		"1,A,one,1,2010-12-01 08:26:00,1.00,17850,France\n2,A,one,-1,2010-12-01 08:26:00,1.00,17850,France\n"
	if err := os.WriteFile(sales, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		want map[string]any
	}{
		{[]string{"backup", saved, "--target", service.URL}, map[string]any{"file": saved}},
		{[]string{"check", "--data", saved}, map[string]any{"file": saved, "kind": "backup", "sound": true}},
		{[]string{"restore", "--data", restored, "--base", saved}, map[string]any{"file": restored, "dry_run": false,
			"lineage": service.Outbox.Lineage()}},
		{[]string{"check", "--data", restored}, map[string]any{"kind": "database file", "sound": true}},
		{[]string{"compact", "--data", restored}, map[string]any{"file": restored}},
		{[]string{"import", sales, "--rejects", rejects, "--target", service.URL},
			map[string]any{"files": 1., "invoices": 2., "placed": 1., "rejected": 1., "not_sent": 0.}},
	} {
		said, err := answer(t, step.args...)
		if err != nil {
			t.Errorf("%v: %v", step.args, err)
		}
		for name, want := range step.want {
			if said[name] != want {
				t.Errorf("%v: %s is %v, want %v: %v", step.args, name, said[name], want, said)
			}
		}
	}
	whole, err := os.ReadFile(restored)
	if err == nil {
		whole[bytes.LastIndex(whole, []byte("EUR"))] ^= 8
		err = os.WriteFile(restored, whole, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	said, err := answer(t, "check", "--data", restored)
	if faults, _ := said["faults"].([]any); err == nil || said["sound"] != false || len(faults) == 0 {
		t.Errorf("a damaged file: %v, %v", said, err)
	}
}
