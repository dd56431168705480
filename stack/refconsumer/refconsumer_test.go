package refconsumer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	schemaFile = "../../docs/order-created.schema.json"
	corpus     = "../../testdata/order-created/"
)

// TestReferenceConsumer_ImportsNothingOfThisModule reads the imports of every file here.
func TestReferenceConsumer_ImportsNothingOfThisModule(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			if imported := strings.Trim(spec.Path.Value, `"`); strings.HasPrefix(imported, "ordertally/") {
				t.Errorf("%s imports %s: it must be written from the documents alone", file, imported)
			}
		}
	}
}

func schema(t *testing.T) *Schema {
	t.Helper()
	s, err := LoadSchema(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchema_OnExamples checks that the published schema accepts what order writes and refuses what it must not write.
func TestSchema_OnExamples(t *testing.T) {
	s := schema(t)
	for _, kind := range []string{"valid", "refused"} {
		files, err := filepath.Glob(corpus + kind + "/*.json")
		if err != nil || len(files) < 4 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			value, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			unknown, err := s.Check(value)
			if (err == nil) != (kind == "valid") || len(unknown) > 0 {
				t.Errorf("%s: %v, unknown members %v", file, err, unknown)
			}
		}
	}
	smallest, err := os.ReadFile(corpus + "valid/smallest.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(append(smallest, '1')); err == nil {
		t.Error("two values are accepted")
	}
	more := bytes.Replace(smallest, []byte(`{`), []byte(`{"new":{},`), 1)
	if unknown, err := s.Check(more); err != nil || !slices.Equal(unknown, []string{"/new"}) {
		t.Errorf("a new member: %v, %v; want it accepted and listed", unknown, err)
	}
	lines := strings.Repeat(`{"sku":"a","quantity":1,"unit_price":0},`, 2000)
	if _, err := s.Check(fmt.Appendf(nil, `{"id":"01890a5d-ac96-774b-8000-a8b45f0c6d21","currency":"EUR","lines":[%s],`+
		`"total":0,"placed_at":"2010-12-01T08:26:00Z"}`, lines+`{"sku":"a","quantity":1,"unit_price":0}`)); err == nil {
		t.Error("2,001 lines are accepted")
	}
}

// TestSchema_AgreesWithPython checks the schema and the same examples with another project's validator.
func TestSchema_AgreesWithPython(t *testing.T) {
	const program = `
import glob, json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
for file in glob.glob(sys.argv[2] + "*/*.json"):
    if Draft202012Validator(schema).is_valid(json.load(open(file))) != ("/valid/" in file):
        print(file, "is misjudged")
`
	if err := exec.Command("python3", "-c", "import jsonschema").Run(); err != nil {
		const missing = "python3 with jsonschema is missing: install the Debian package python3-jsonschema"
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal("REQUIRE_ALL=1, and " + missing)
		}
		t.Skip("SKIPPED: " + missing)
	}
	if output, err := exec.Command("python3", "-c", program, schemaFile, corpus).CombinedOutput(); err != nil ||
		len(output) > 0 {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestHeaders_AreThoseOfTheTable compares the table in docs/reference/messages.md with the checks here.
func TestHeaders_AreThoseOfTheTable(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_-]+)` \\| (always|sometimes) \\|").FindAllSubmatch(text,
		-1) {
		table[string(row[2])] = append(table[string(row[2])], string(row[1]))
	}
	for present, checked := range map[string][]string{
		"always": slices.Sorted(maps.Keys(always)), "sometimes": slices.Sorted(maps.Keys(sometimes)),
	} {
		if documented := slices.Sorted(slices.Values(table[present])); !slices.Equal(documented, checked) {
			t.Errorf("%s: the document has %v, checked are %v", present, documented, checked)
		}
	}
}

// example is a record as the documents describe it: message id n, with the numbers given.
func example(t *testing.T, n int, previous, sequence uint64) Record {
	t.Helper()
	value, err := os.ReadFile(corpus + "valid/whole.json")
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		ID string `json:"id"`
		At string `json:"placed_at"`
	}
	if err := json.Unmarshal(value, &o); err != nil {
		t.Fatal(err)
	}
	r := Record{Key: []byte(o.ID), Value: value, Timestamp: time.Now()}
	for _, h := range [][2]string{
		{"content-type", "application/json"}, {"ce_specversion", "1.0"},
		{"ce_id", fmt.Sprintf("01890a5d-ac96-774b-8000-%012d", n)},
		{"ce_source", "/ordertally/order"}, {"ce_type", "ORDER_CREATED"}, {"ce_subject", o.ID}, {"ce_time", o.At},
		{"ce_dataschema", "urn:ordertally:schema:order-created:1"}, {"ce_lineage", "l"},
		{"ce_sequence", fmt.Sprintf("%020d", sequence)}, {"ce_previous", fmt.Sprintf("%020d", previous)},
		{"ce_partitionprevious", fmt.Sprintf("%020d", previous)},
	} {
		r.Headers = append(r.Headers, Header{h[0], []byte(h[1])})
	}
	return r
}

func (r *Record) set(name, value string) {
	for i := range r.Headers {
		if r.Headers[i].Name == name {
			r.Headers[i].Value = []byte(value)
			return
		}
	}
	r.Headers = append(r.Headers, Header{name, []byte(value)})
}

func TestLedger_Refuses(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"no header":       func(r *Record) { r.Headers = r.Headers[:len(r.Headers)-1] },
		"header twice":    func(r *Record) { r.Headers = append(r.Headers, r.Headers[0]) },
		"short sequence":  func(r *Record) { r.set("ce_sequence", "7") },
		"previous late":   func(r *Record) { r.set("ce_previous", "00000000000000000007") },
		"partition late":  func(r *Record) { r.set("ce_partitionprevious", "00000000000000000007") },
		"time with zone":  func(r *Record) { r.set("ce_time", "2010-12-01T09:26:00+01:00") },
		"another time":    func(r *Record) { r.set("ce_time", "2010-12-01T08:26:01Z") },
		"another key":     func(r *Record) { r.Key = []byte("01890a5d-ac96-774b-8000-a8b45f0c6d22") },
		"another schema":  func(r *Record) { r.set("ce_dataschema", "urn:ordertally:schema:order-created:2") },
		"short key":       func(r *Record) { r.set("ordertally_key", "AAAA") },
		"bad traceparent": func(r *Record) { r.set("traceparent", "00") },
		"no currency":     func(r *Record) { r.Value = bytes.Replace(r.Value, []byte(`"currency":"GBP",`), nil, 1) },
		"total as text":   func(r *Record) { r.Value = bytes.Replace(r.Value, []byte(`1530`), []byte(`"1530"`), 1) },
		"wrong total":     func(r *Record) { r.Value = bytes.Replace(r.Value, []byte(`1530`), []byte(`1531`), 1) },
		"no value":        func(r *Record) { r.Value = nil },
		"old timestamp":   func(r *Record) { r.Timestamp = time.Unix(0, 0) },
	} {
		ledger := NewLedger(schema(t), time.UTC)
		r := example(t, 1, 0, 7)
		change(&r)
		if err := ledger.Take(r); err == nil || ledger.Orders() != 0 {
			t.Errorf("%s: %v, %d orders; want an error and none", name, err, ledger.Orders())
		}
	}
}

func TestLedger_CountsOnce(t *testing.T) {
	ledger := NewLedger(schema(t), time.UTC)
	take := func(n int, previous, sequence uint64, change ...func(*Record)) {
		t.Helper()
		r := example(t, n, previous, sequence)
		for _, c := range change {
			c(&r)
		}
		if err := ledger.Take(r); err != nil {
			t.Fatal(err)
		}
	}
	take(1, 0, 1)
	take(4, 5, 6)
	take(2, 1, 2, func(r *Record) { r.set("new", "x") },
		func(r *Record) { r.set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") })
	take(1, 0, 1) // again
	take(9, 6, 9, func(r *Record) { r.set("ce_type", "ORDER_WITHDRAWN") })
	if ledger.Complete() {
		t.Error("complete without number 5")
	}
	take(3, 2, 5)
	if orders, revenue := ledger.Day("2010-12-01"); orders != 4 || revenue["GBP"] != "6120" || len(revenue) != 1 {
		t.Errorf("%d orders, revenue %v; want 4 and 6120", orders, revenue)
	}
	if ledger.Duplicates() != 1 || !ledger.Complete() || !slices.Equal(ledger.Undocumented(), []string{"new"}) {
		t.Errorf("%d duplicates, complete %t, undocumented %v", ledger.Duplicates(), ledger.Complete(),
			ledger.Undocumented())
	}
	take(5, 2, 5)
	if ledger.Covered() != 1 || ledger.Orders() != 5 {
		t.Errorf("%d orders, %d of them under the number of another; want 5 and 1: anybody can write any number",
			ledger.Orders(), ledger.Covered())
	}
	other := example(t, 5, 9, 10)
	other.Value = bytes.Replace(other.Value, []byte(`"quantity":6`), []byte(`"quantity": 6`), 1)
	if err := ledger.Take(other); err == nil || ledger.Orders() != 5 || !ledger.Complete() {
		t.Errorf("another message under the id of a counted one: %v, %d orders; want an error and 5", err,
			ledger.Orders())
	}
}

func TestLoadSchema_RefusesWhatItDoesNotKnow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.json")
	const dialect = `"$schema":"https://json-schema.org/draft/2020-12/schema"`
	for _, text := range []string{`{}`, `{` + dialect + `,"oneOf":[]}`,
		`{` + dialect + `,"properties":{"a":{"const":1}}}`, `{` + dialect + `,"pattern":"("}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSchema(file); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
	if _, err := LoadSchema(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
