package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ordertally/bench/report"
)

func small() *report.Report {
	row := &report.Row{Name: "store", Title: "orders stored <fast>"}
	for _, rate := range []float64{10, 30, 20} {
		row.Add("Ordertally", "orders/s", rate)
		row.AddPeer("Pebble", "orders/s", 2*rate)
	}
	row.Figures = []report.Figure{{Name: "of Pebble", Series: "Ordertally", Of: "Pebble", Goal: 1, Peer: "Pebble"}}
	return &report.Report{Run: report.Run{Commit: "abc"}, Rows: []*report.Row{row}}
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
		"| of Pebble | 0.5 | 0.5 to 0.5 | ≥ 1 | **missed** |", "Pebble makes 2 times as much",
		"| store | of Pebble | 0.5 | ≥ 1 | **missed** |", "| run | commit abc, ",
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

func TestDraw_LeavesOutARowThatFailed(t *testing.T) {
	broken, from, docs := small(), filepath.Join(t.TempDir(), "report.json"), t.TempDir()
	broken.Rows[0].Failed = "a wrong count"
	if err := broken.Write(from); err != nil {
		t.Fatal(err)
	}
	if err := draw(from, docs); err == nil || !strings.Contains(err.Error(), "a wrong count") {
		t.Error(err)
	}
	broken.Rows = append(broken.Rows, small().Rows[0])
	broken.Rows[1].Name = "other"
	if err := broken.Write(from); err != nil {
		t.Fatal(err)
	}
	if err := draw(from, docs); err == nil || !strings.Contains(err.Error(), "store: a wrong count") {
		t.Error(err)
	}
	page, err := os.ReadFile(filepath.Join(docs, "performance.md"))
	if err != nil || !strings.Contains(string(page), "| other | of Pebble |") ||
		strings.Contains(string(page), "| store | of Pebble |") {
		t.Errorf("%v: %s", err, page)
	}
}

// TestDraw_KeepsWhatWasNotMeasuredAgain has a run of everything, and then one of less.
func TestDraw_KeepsWhatWasNotMeasuredAgain(t *testing.T) {
	from, docs := filepath.Join(t.TempDir(), "report.json"), t.TempDir()
	for i, run := range []struct {
		commit string
		rows   map[string]bool // whether it is whole
	}{
		{"first", map[string]bool{"store": true, "http": true, "size": true}},
		{"second", map[string]bool{"store": false, "http": true}},
	} {
		r := &report.Report{Run: report.Run{Commit: run.commit, Date: time.Unix(int64(i), 0)}}
		for name, whole := range run.rows {
			row := small().Rows[0]
			row.Name, row.Title, row.Whole = name, name, whole
			r.Rows = append(r.Rows, row)
		}
		if err := r.Write(from); err != nil {
			t.Fatal(err)
		}
		if err := draw(from, docs); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(filepath.Join(docs, "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(page), "\n## ")
	for _, section := range sections {
		name, text, _ := strings.Cut(section, "\n")
		kept := strings.Contains(text, "This is of another run: commit first")
		if want := name == "Store" || name == "Size"; kept != want {
			t.Errorf("%s is of the first run: %v, want %v", name, kept, want)
		}
	}
	if !strings.Contains(string(page), "| run | commit second") {
		t.Errorf("the page does not name the second run: %s", page)
	}
}
