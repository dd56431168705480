// Package hostiletest sends an API hostile requests, grouped by the OWASP API Security Top 10 of 2023. Each must get
// its documented 4xx, reveal nothing of the program, and leave the database file the same, byte for byte.
package hostiletest

import (
	"crypto/sha256"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Table is a list of hostile requests and what each must get. The zero Table is empty.
type Table struct {
	category string
	requests []request
}

type request struct {
	category, name string
	text           string // as written to the connection
	status         int
	code           string
	allow          string // Allow of a 405
}

// Category begins one of the ten categories. Its first word is the number: "API1 Broken Object Level Authorization".
func (table *Table) Category(name string) { table.category = name }

// Add adds a request that must get a problem of that status and code. Code "" is for the answers of net/http itself.
func (table *Table) Add(name string, status int, code, text string) {
	table.requests = append(table.requests,
		request{category: table.category, name: name, text: text, status: status, code: code})
}

// NotAllowed adds a request whose path does not allow the method. Allow is what the Allow header must be.
func (table *Table) NotAllowed(name, allow, text string) {
	table.Add(name, http.StatusMethodNotAllowed, "method_not_allowed", text)
	table.requests[len(table.requests)-1].allow = allow
}

// least is the number of requests below which a table proves nothing.
const least = 150

// Run sends all requests to addr, one after the other, each on its own connection. File is the service's database.
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
