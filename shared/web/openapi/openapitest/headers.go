package openapitest

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ordertally/shared/web/openapi"
)

// notable are the headers that a client may rely on. An answer may have one only if its description has it.
var notable = []string{
	"Cache-Control", "ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate",
	"Idempotent-Replayed", "Accept-Ranges",
	"Last-Modified", "Deprecation", "Sunset",
}

// headers checks an answer's headers against their description.
func (c *checker) headers(name string, described *huma.Response, header http.Header) {
	all := openapi.HeadersOf(c.api, described)
	for field, about := range all {
		values := header.Values(field)
		if len(values) == 0 && about.Required {
			c.t.Errorf("%s: the header %s is missing", name, field)
		}
		for _, value := range values {
			if err := c.fits(about.Schema, value); err != nil {
				c.t.Errorf("%s: the header %s: %q does not fit its schema: %v", name, field, value, err)
			}
		}
	}
	for _, field := range notable {
		if header.Get(field) != "" && all[field] == nil {
			c.t.Errorf("%s: the header %s is not described: %q", name, field, header.Get(field))
		}
	}
}

// fits validates a header's value. It is a number if the schema says integer.
func (c *checker) fits(schema *openapi.Schema, value string) error {
	compiled, err := c.header(schema)
	if err != nil {
		return err
	}
	if schema.Type == "integer" {
		return compiled.Validate(json.Number(value))
	}
	return compiled.Validate(value)
}

// header compiles a schema and keeps the result.
func (c *checker) header(schema *openapi.Schema) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if compiled := c.fields[schema]; compiled != nil {
		return compiled, nil
	}
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("header.json", document); err != nil {
		return nil, err
	}
	compiled, err := compiler.Compile("header.json")
	c.fields[schema] = compiled
	return compiled, err
}
