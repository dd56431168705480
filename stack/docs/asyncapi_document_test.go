package docs_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func readJSON(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return value
}

// TestAsyncAPI_IsADocumentOfItsSchema checks docs/asyncapi.yaml against the schema that the AsyncAPI Initiative
// publishes for version 3.0.0.
func TestAsyncAPI_IsADocumentOfItsSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	if err := compiler.AddResource("asyncapi.json", readJSON(t, "testdata/asyncapi/3.0.0.json")); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(asyncDocument(t)); err != nil {
		t.Error(err)
	}
}

// TestAsyncAPI_ItsExampleIsTheGoldenRecord compares the example in docs/asyncapi.yaml with the golden record.
func TestAsyncAPI_ItsExampleIsTheGoldenRecord(t *testing.T) {
	text, err := json.Marshal(asyncDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Messages map[string]struct {
				Examples []struct {
					Headers map[string]string
					Payload any
				}
			}
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for message, dir := range goldenDirs {
		golden, value := goldenRecord(t, dir)
		var want any
		if err := json.Unmarshal(value, &want); err != nil {
			t.Fatal(err)
		}
		examples := document.Components.Messages[message].Examples
		if len(examples) != 1 || !reflect.DeepEqual(examples[0].Headers, golden.Headers) ||
			!reflect.DeepEqual(examples[0].Payload, want) {
			t.Errorf("%s: the examples are %v, the golden record has %v and %s", message, examples, golden.Headers,
				value)
		}
	}
}

// TestAsyncAPI_ItsPayloadMeansTheSameInDraft07 exists because AsyncAPI reads a schema as draft 07, while the file says
// 2020-12. It must mean the same in both.
func TestAsyncAPI_ItsPayloadMeansTheSameInDraft07(t *testing.T) {
	document, ok := readJSON(t, "../../docs/order-created.schema.json").(map[string]any)
	if !ok {
		t.Fatal("the schema is no object")
	}
	document["$schema"] = "http://json-schema.org/draft-07/schema#"
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("payload.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("payload.json")
	if err != nil {
		t.Fatal(err)
	}
	for dir, valid := range map[string]bool{"valid": true, "refused": false} {
		files, err := filepath.Glob(goldenDirs["orderCreated"] + dir + "/*.json")
		if err != nil || len(files) == 0 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, file := range files {
			if err := schema.Validate(readJSON(t, file)); (err == nil) != valid {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
