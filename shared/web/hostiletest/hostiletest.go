// Package hostiletest sends an API what no client of good will sends, by the names of the OWASP API Security Top 10 of
// 2023, and holds what comes back against what every API here promises: the 4xx that is documented, nothing of the
// program's inside, and a file that is the same, byte for byte.
package hostiletest

import (
	"crypto/sha256"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Table is hostile requests, and what each must get. The zero Table is empty.
type Table struct {
	category string
	requests []request
}

type request struct {
	category, name string
	text           string // as it is written to the connection
	status         int
	code           string
	allow          string // of a 405
}

// Category begins another of the ten. Its first word is its number: "API1 Broken Object Level Authorization".
func (table *Table) Category(name string) { table.category = name }

// Add adds a request that must get a problem of that status and code. Code "" is for what net/http answers by itself.
func (table *Table) Add(name string, status int, code, text string) {
	table.requests = append(table.requests,
		request{category: table.category, name: name, text: text, status: status, code: code})
}

// NotAllowed adds a request whose path does not take its method. Allow is what the answer's header must say.
func (table *Table) NotAllowed(name, allow, text string) {
	table.Add(name, http.StatusMethodNotAllowed, "method_not_allowed", text)
	table.requests[len(table.requests)-1].allow = allow
}

// least is how many requests a table has before it says anything.
const least = 150

// Run sends all requests to addr, one after the other, each on a connection of its own. File is the service's.
func (table *Table) Run(t *testing.T, addr, file string) {
	t.Helper()
	if len(table.requests) < least {
		t.Errorf("only %d requests", len(table.requests))
	}
	before := fingerprint(t, file)
	counts := map[string]int{}
	for i := range table.requests {
		r := &table.requests[i]
		number, _, _ := strings.Cut(r.category, " ")
		counts[number]++
		for _, fault := range r.faults(t, addr, filepath.Dir(file)) {
			t.Errorf("%s: %s: %s", r.category, r.name, fault)
		}
		if after := fingerprint(t, file); after != before {
			t.Errorf("%s: %s: the file has changed", r.category, r.name)
			before = after
		}
	}
	if len(counts) != 10 {
		t.Errorf("the table has %d of the ten categories", len(counts))
	}
	t.Logf("%d requests: %v", len(table.requests), counts)
}

func fingerprint(t *testing.T, file string) [sha256.Size]byte {
	t.Helper()
	content, err := os.ReadFile(file) //nolint:gosec // a test names its own file
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(content)
}
