package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/bench/report"
)

func small() *report.Report {
	row := &report.Row{Name: "store", Title: "orders stored <fast>"}
	for _, rate := range []float64{10, 30, 20} {
		row.Add("Ordertally", "orders/s", rate)
		row.AddPeer("Pebble", "orders/s", 2*rate)
	}
	row.Figures = []report.Figure{{Name: "of Pebble", Series: "Ordertally", Of: "Pebble", Goal: 1, Peer: "Pebble"}}
	return &report.Report{Commit: "abc", Rows: []*report.Row{row}}
}

func TestDraw_SaysWhatWasMeasuredAndWhoWins(t *testing.T) {
	from, docs := filepath.Join(t.TempDir(), "report.json"), t.TempDir()
	if err := small().Write(from); err != nil {
		t.Fatal(err)
	}
	if err := draw(from, docs); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(docs, "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| of Pebble | 0.5 | 0.5 to 0.5 | at least 1 | **missed** |", "Pebble makes 2 times as much",
		"| commit | abc |",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	for _, name := range []string{"overview", "overview-dark", "store", "store-dark"} {
		file, err := os.Open(filepath.Join(docs, charts, name+".svg"))
		if err != nil {
			t.Fatal(err)
		}
		for decoder := xml.NewDecoder(file); err == nil; {
			_, err = decoder.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s is not well formed: %v", name, err)
		}
		_ = file.Close()
	}
}

func TestDraw_RefusesARunThatFailed(t *testing.T) {
	broken, from := small(), filepath.Join(t.TempDir(), "report.json")
	broken.Rows[0].Failed = "a wrong count"
	if err := broken.Write(from); err != nil {
		t.Fatal(err)
	}
	if err := draw(from, t.TempDir()); err == nil || !strings.Contains(err.Error(), "a wrong count") {
		t.Error(err)
	}
}
