package docs_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ordertally/order"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// messageSchemas are the schemas of headers, key and value in docs/asyncapi.yaml. They are found through the channel,
// as a reader would.
type messageSchemas struct{ headers, key, value *jsonschema.Schema }

// asyncDocument is docs/asyncapi.yaml.
func asyncDocument(t *testing.T) any {
	t.Helper()
	text, err := os.ReadFile("../../docs/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func asyncAPI(t *testing.T, name string) messageSchemas {
	t.Helper()
	document := asyncDocument(t)
	if version := document.(map[string]any)["asyncapi"]; version != "3.0.0" {
		t.Fatalf("asyncapi: %v", version)
	}
	follow := func(pointer string) string { // a place in the document, with references followed
		t.Helper()
		at, here := document, ""
		for _, name := range strings.Split(pointer, "/")[1:] {
			if ref, ok := at.(map[string]any)["$ref"].(string); ok {
				here, at = strings.TrimPrefix(ref, "#"), document
				for _, step := range strings.Split(here, "/")[1:] {
					at = at.(map[string]any)[step]
				}
			}
			at, here = at.(map[string]any)[name], here+"/"+name
			if at == nil {
				t.Fatalf("docs/asyncapi.yaml has nothing at %s", pointer)
			}
		}
		return here
	}
	// the operation has one channel
	message := follow("/operations/publishOrderCreated/channel")
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	path, err := filepath.Abs("../../docs/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	base := "file://" + path
	if err := compiler.AddResource(base, document); err != nil {
		t.Fatal(err)
	}
	compile := func(pointer string) *jsonschema.Schema {
		t.Helper()
		schema, err := compiler.Compile(base + "#" + follow(pointer))
		if err != nil {
			t.Fatal(err)
		}
		return schema
	}
	return messageSchemas{
		headers: compile(message + "/messages/" + name + "/headers"),
		key:     compile(message + "/messages/" + name + "/bindings/kafka/key"),
		value:   compile(message + "/messages/" + name + "/payload"),
	}
}

// check checks one record against the document.
func (s messageSchemas) check(t *testing.T, r kafka.Record) error {
	t.Helper()
	headers := map[string]any{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.Value))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct {
		schema *jsonschema.Schema
		value  any
	}{{s.headers, headers}, {s.key, string(r.Key)}, {s.value, value}} {
		if err := part.schema.Validate(part.value); err != nil {
			return err
		}
	}
	return nil
}

// goldenDirs are the directories of the golden records, by the name of the message in docs/asyncapi.yaml.
var goldenDirs = map[string]string{
	"orderCreated": "../../testdata/order-created/", "orderCancelled": "../../testdata/order-cancelled/",
}

type goldenFile struct {
	Key     string
	Headers map[string]string
	Value   string // the file that has it
}

// goldenRecord returns the record kept in testdata, and its value.
func goldenRecord(t *testing.T, dir string) (golden goldenFile, value []byte) {
	t.Helper()
	text, err := os.ReadFile(dir + "record.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	if value, err = os.ReadFile(dir + "valid/" + golden.Value); err != nil {
		t.Fatal(err)
	}
	return golden, value
}

// TestGoldenRecord_IsWhatTheCodeWrites checks that the code writes the record in testdata, byte for byte, and that the
// record fits the document.
func TestGoldenRecord_IsWhatTheCodeWrites(t *testing.T) {
	golden, value := goldenRecord(t, goldenDirs["orderCreated"])
	whole, err := event.Decode(value)
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "orderCreated", golden, cloudevent.Envelope{
		ID: "01890a5d-ac96-774b-8000-000000000001", Type: event.TypeCreated, Time: whole.PlacedAt,
		DataSchema: event.SchemaCreated, Sequence: 7, Previous: 5, PartitionPrevious: 3,
	}, kafka.Record{Key: value, Value: event.Encode(&whole), Headers: []cloudevent.Header{
		event.KeyHeader(order.HashKey("key:shop", "cart-4711"), order.HashRequest(&whole)),
	}})
}

// TestGoldenRecord_IsWhatTheCodeWritesOfACancellation does the same for a cancellation.
func TestGoldenRecord_IsWhatTheCodeWritesOfACancellation(t *testing.T) {
	golden, value := goldenRecord(t, goldenDirs["orderCancelled"])
	var whole event.Cancellation
	if err := json.Unmarshal(value, &whole); err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "orderCancelled", golden, cloudevent.Envelope{
		ID: "01890a5d-ac96-774b-8000-000000000003", Type: event.TypeCancelled, Time: whole.CancelledAt,
		DataSchema: event.SchemaCancelled, Sequence: 9, Previous: 8, PartitionPrevious: 7,
	}, kafka.Record{Key: value, Value: event.EncodeCancellation(&whole), Headers: []cloudevent.Header{
		event.KeyHeader(order.HashKey("key:shop", "cancel-4711"), order.HashCancellation(whole.Reason)),
	}})
}

// checkGolden completes the envelope and the record, whose key is the golden value yet and whose headers are those
// after the envelope, and holds it against the golden record and the document.
func checkGolden(t *testing.T, message string, golden goldenFile, e cloudevent.Envelope, record kafka.Record) {
	t.Helper()
	value := record.Key
	e.Source, e.ContentType, e.Subject = event.Source, event.ContentType, golden.Key
	e.Lineage = "01890a5d-ac96-774b-8000-000000000002"
	e.Trace = cloudevent.Trace{Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	record.Key, record.Headers = []byte(golden.Key), append(e.Headers(), record.Headers...)
	written := map[string]string{}
	for _, h := range record.Headers {
		written[h.Key] = string(h.Value)
	}
	if !maps.Equal(written, golden.Headers) || string(record.Value) != string(bytes.TrimSpace(value)) {
		t.Errorf("written:\n%v\n%s\nkept:\n%v\n%s", written, record.Value, golden.Headers, value)
	}
	schemas := asyncAPI(t, message)
	if err := schemas.check(t, record); err != nil {
		t.Error(err)
	}
	for i, h := range record.Headers {
		less := record
		less.Headers = append(append([]cloudevent.Header{}, record.Headers[:i]...), record.Headers[i+1:]...)
		optional := h.Key == cloudevent.HeaderTraceParent || h.Key == cloudevent.HeaderKey
		if err := schemas.check(t, less); (err == nil) != optional {
			t.Errorf("without %s: %v", h.Key, err)
		}
		other := record
		other.Headers = append(less.Headers, cloudevent.Header{Key: h.Key, Value: nil})
		if err := schemas.check(t, other); err == nil {
			t.Errorf("with an empty %s the record is valid", h.Key)
		}
	}
}

// TestAsyncAPI_MessagesAreAsItSays checks what the service publishes.
func TestAsyncAPI_MessagesAreAsItSays(t *testing.T) {
	dev := devbrokertest.Start(t, devbroker.Config{})
	s := stacktest.StartServices(t, t.TempDir(), dev.Addr())
	for range 3 {
		stacktest.PlaceWithKey(t, s.OrderURL(), "")
	}
	clocktest.Eventually(t, "all are published", func() bool { return s.Order.Backlog() == 0 })
	schemas, records := asyncAPI(t, "orderCreated"), brokertest.ReadAll(t, dev.Addr(), event.Topic)
	for _, r := range records {
		if err := schemas.check(t, r); err != nil {
			t.Error(err)
		}
	}
	if len(records) != 3 {
		t.Errorf("%d records, want 3", len(records))
	}
}
