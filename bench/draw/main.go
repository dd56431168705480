// Draw makes docs/performance.md, with its charts, out of a report:
//
//	go run ./draw ../docs/performance/report.json ../docs
package main

import (
	"fmt"
	"os"
	"path/filepath"

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

func draw(from, docs string) error {
	r, err := report.Read(from)
	if err != nil {
		return err
	}
	for _, row := range r.Rows {
		if row.Failed != "" {
			return fmt.Errorf("row %s has no figures: %s", row.Name, row.Failed)
		}
	}
	if err := os.MkdirAll(filepath.Join(docs, charts), 0o755); err != nil { //nolint:gosec // documents are public
		return err
	}
	page, pictures, err := pageOf(r)
	if err != nil {
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
	return nil
}
