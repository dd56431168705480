package openapitest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ordertally/shared/web/openapi"
)

// described fails the test for each parameter, and each member of a schema, without a description.
func described(t *testing.T, api *huma.OpenAPI) {
	t.Helper()
	for name, s := range api.Components.Schemas.Map() {
		members(t, name, s)
	}
	for path, item := range api.Paths {
		for _, op := range openapi.OperationsOf(item) {
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("%s %s: the parameter %s has no description", op.OperationID, path, p.Name)
				}
			}
			if op.RequestBody != nil {
				for _, content := range op.RequestBody.Content {
					members(t, op.OperationID, content.Schema)
				}
			}
		}
	}
}

func members(t *testing.T, at string, s *openapi.Schema) {
	t.Helper()
	for name, member := range s.Properties {
		if member.Description == "" && member.Ref == "" {
			t.Errorf("%s/%s has no description", at, name)
		}
		members(t, at+"/"+name, member)
	}
	if s.Items != nil {
		members(t, at+"[]", s.Items)
	}
	if more, ok := s.AdditionalProperties.(*openapi.Schema); ok {
		members(t, at+"/*", more)
	}
}

// examples validates every example of the document against the schema beside it.
func examples(t *testing.T, document any, compiler *jsonschema.Compiler) {
	t.Helper()
	seen := 0
	hold := func(pointer string, example any) {
		seen++
		schema, err := compiler.Compile("openapi.json#" + pointer)
		if err == nil {
			err = schema.Validate(example)
		}
		if err != nil {
			t.Errorf("the example at %s does not fit: %v", pointer, err)
		}
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "+", "%2B").Replace
	var walk func(pointer string, at any)
	walk = func(pointer string, at any) {
		switch at := at.(type) {
		case map[string]any:
			if example, ok := at["example"]; ok && at["schema"] != nil {
				hold(pointer+"/schema", example)
			}
			if list, ok := at["examples"].([]any); ok {
				for _, example := range list {
					hold(pointer, example)
				}
			}
			for name, below := range at {
				if name != "example" && name != "examples" {
					walk(pointer+"/"+escape(name), below)
				}
			}
		case []any:
			for i, below := range at {
				walk(fmt.Sprintf("%s/%d", pointer, i), below)
			}
		}
	}
	walk("", document)
	if seen == 0 {
		t.Error("the document has no examples")
	}
}
