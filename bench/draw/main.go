// Draw puts what a run measured into docs/performance.md, with its charts:
//
//	go run ./draw ../bin/report.json ../docs
//
// It keeps the rows that the run did not measure.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ordertally/bench/report"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "draw: name the report and the directory of the documents")
		os.Exit(2)
	}
	if err := draw(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "draw:", err)
		os.Exit(1)
	}
}

// charts is the directory of the charts, below that of the documents.
const charts = "performance"

// draw makes the page. An error that rows failed comes after the others are in the page.
func draw(from, docs string) error {
	fresh, err := report.Read(from)
	if err != nil {
		return err
	}
	dir := filepath.Join(docs, charts)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documents are public
		return err
	}
	path := filepath.Join(dir, "report.json")
	kept, err := report.Read(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	failed := fresh.Keep(kept)
	if len(fresh.Rows) == 0 {
		return errors.New("no row has figures: " + strings.Join(failed, "; "))
	}
	page, pictures, err := pageOf(fresh)
	if err != nil {
		return err
	}
	if err := fresh.Write(path); err != nil {
		return err
	}
	files := map[string]string{"performance.md": page}
	for name, c := range pictures {
		files[filepath.Join(charts, name+".svg")] = c.svg(light)
		files[filepath.Join(charts, name+"-dark.svg")] = c.svg(dark)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	if failed != nil {
		return errors.New("these rows have no figures of this run: " + strings.Join(failed, "; "))
	}
	return nil
}
