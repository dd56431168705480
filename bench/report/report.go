// Package report is what a run of the benchmarks measured: every round of every series, and the machine. It is kept as
// JSON, and docs/performance.md is drawn from it.
package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Report is one run, and rows that were kept of earlier ones.
type Report struct {
	Run
	Seconds float64 `json:"seconds"`
	Rows    []*Row  `json:"rows"`
}

// Run is when and where something was measured.
type Run struct {
	Date    time.Time `json:"date"`
	Commit  string    `json:"commit"`
	Changed bool      `json:"changed,omitempty"` // the tree had changes that were not committed
	Command string    `json:"command"`
	Machine Machine   `json:"machine"`
}

// Same reports whether both are one run.
func (r *Run) Same(other *Run) bool { return r.Date.Equal(other.Date) && r.Commit == other.Commit }

// Row answers one question.
type Row struct {
	Name    string    `json:"name"`
	Title   string    `json:"title"`
	Seconds float64   `json:"seconds"`
	Series  []*Series `json:"series,omitempty"`
	Figures []Figure  `json:"figures,omitempty"`
	Notes   []string  `json:"notes,omitempty"`
	// About says what is measured.
	About string `json:"about,omitempty"`
	// Order is where the row stands among the others.
	Order int `json:"order"`
	// Repeated says that figures are of rounds. That of a size is not.
	Repeated bool `json:"repeated,omitempty"`
	// Whole says that all was measured that there is of the row: all peers, and as many orders as its goals are for.
	Whole bool `json:"whole,omitempty"`
	// Run is the one of a row that was kept. Nil if it is that of the report.
	Run *Run `json:"run,omitempty"`
	// Failed says why the row has no figures.
	Failed string `json:"failed,omitempty"`
}

// Series is what one contestant made, a value a round.
type Series struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Rounds []float64 `json:"rounds"`
	// Peer says that it is a contestant's and not ours.
	Peer bool `json:"peer,omitempty"`
	// Group names what it is measured beside, such as "64 writers". Name ends with it.
	Group string `json:"group,omitempty"`
}

// Figure is what a row shows: a series, or the ratio of two, round by round.
type Figure struct {
	Name   string `json:"name"`
	Series string `json:"series"`
	// Of is the series that Series is divided by. "" means that the figure is the series itself.
	Of string `json:"of,omitempty"`
	// Goal is what the figure should reach, 0 for none.
	Goal float64 `json:"goal,omitempty"`
	// AtMost says that less is better.
	AtMost bool `json:"at_most,omitempty"`
	// Peer names the contestant that Of is a series of, for a sentence about who wins. "" means no contestant.
	Peer string `json:"peer,omitempty"`
}

// Add adds a round's value to a series, which it makes when it is new.
func (r *Row) Add(name, unit string, value float64) {
	for _, s := range r.Series {
		if s.Name == name {
			s.Rounds = append(s.Rounds, value)
			return
		}
	}
	r.Series = append(r.Series, &Series{Name: name, Unit: unit, Rounds: []float64{value}})
}

// AddPeer is Add for a contestant that is not ours.
func (r *Row) AddPeer(name, unit string, value float64) {
	r.Add(name, unit, value)
	r.Find(name).Peer = true
}

// Find returns a series, or nil.
func (r *Row) Find(name string) *Series {
	for _, s := range r.Series {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Note adds a remark in plain words.
func (r *Row) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Values returns a figure's value of each round, and its unit, "" for a ratio.
func (r *Row) Values(f Figure) (values []float64, unit string, err error) {
	series := r.Find(f.Series)
	if series == nil {
		return nil, "", fmt.Errorf("row %s has no series %q", r.Name, f.Series)
	}
	if f.Of == "" {
		return series.Rounds, series.Unit, nil
	}
	of := r.Find(f.Of)
	if of == nil || len(of.Rounds) != len(series.Rounds) {
		return nil, "", fmt.Errorf("row %s: %q and %q do not have the same rounds", r.Name, f.Series, f.Of)
	}
	for i := range of.Rounds {
		if of.Rounds[i] == 0 {
			return nil, "", fmt.Errorf("row %s: round %d of %q is 0", r.Name, i+1, f.Of)
		}
		values = append(values, series.Rounds[i]/of.Rounds[i])
	}
	return values, "", nil
}

// Reached reports whether a value is as good as the goal. A figure without a goal is.
func (f Figure) Reached(value float64) bool {
	switch {
	case f.Goal == 0:
		return true
	case f.AtMost:
		return value <= f.Goal
	}
	return value >= f.Goal
}

// Median returns the middle of the values, or the mean of the two in the middle.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Keep takes rows from an earlier report, which may be nil: those that were not measured this time, and those that were
// measured whole then and not now. It returns which rows failed, and why. They are left out.
func (r *Report) Keep(earlier *Report) (failed []string) {
	rows := map[string]*Row{}
	if earlier != nil {
		for _, row := range earlier.Rows {
			if row.Run == nil {
				row.Run = &earlier.Run
			}
			rows[row.Name] = row
		}
	}
	for _, row := range r.Rows {
		before := rows[row.Name]
		switch {
		case row.Failed != "":
			failed = append(failed, row.Name+": "+row.Failed)
		case before == nil || row.Whole || !before.Whole:
			rows[row.Name] = row
		}
	}
	r.Rows = slices.SortedFunc(maps.Values(rows), func(a, b *Row) int {
		return cmp.Or(a.Order-b.Order, strings.Compare(a.Name, b.Name))
	})
	return failed
}

// Write writes the report to path, indented.
func (r *Report) Write(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644) //nolint:gosec // it holds no secret
}

// Read reads a report.
func Read(path string) (*Report, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the caller's choice
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read report %s: %w", path, err)
	}
	if len(r.Rows) == 0 {
		return nil, errors.New("read report " + path + ": it has no rows")
	}
	return &r, nil
}
