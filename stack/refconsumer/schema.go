package refconsumer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"
)

// Schema is a JSON Schema (2020-12). It knows only the keywords of the published one. Any other keyword is an error of
// LoadSchema, so none is ignored silently.
type Schema struct {
	ID string `json:"$id"`

	Type       string             `json:"type"`
	Required   []string           `json:"required"`
	Properties map[string]*Schema `json:"properties"`
	Names      *Schema            `json:"propertyNames"`
	Others     *Schema            `json:"additionalProperties"`
	MinMembers *int               `json:"minProperties"`
	MaxMembers *int               `json:"maxProperties"`
	Items      *Schema            `json:"items"`
	MinItems   *int               `json:"minItems"`
	MaxItems   *int               `json:"maxItems"`
	MinLength  *int               `json:"minLength"`
	MaxLength  *int               `json:"maxLength"`
	Pattern    *pattern           `json:"pattern"`
	Format     string             `json:"format"`
	Minimum    *int64             `json:"minimum"`
	Maximum    *int64             `json:"maximum"`

	Dialect     string `json:"$schema"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Examples    []any  `json:"examples"`
}

type pattern struct{ *regexp.Regexp }

func (p *pattern) UnmarshalText(text []byte) (err error) {
	p.Regexp, err = regexp.Compile(string(text))
	return err
}

// LoadSchema reads a schema from a file.
func LoadSchema(file string) (*Schema, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the path is the caller's
	if err != nil {
		return nil, err
	}
	s := &Schema{}
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(s); err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, err)
	}
	if s.Dialect != "https://json-schema.org/draft/2020-12/schema" {
		return nil, fmt.Errorf("schema %s: unknown dialect %q", file, s.Dialect)
	}
	return s, nil
}

// Check tells where value breaks the schema, by JSON Pointer. unknown lists members that the schema does not describe.
// They are allowed.
func (s *Schema) Check(value []byte) (unknown []string, err error) {
	in := json.NewDecoder(bytes.NewReader(value))
	in.UseNumber()
	var decoded any
	if err := in.Decode(&decoded); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: more than one value")
	}
	c := check{}
	c.value("", s, decoded)
	return c.unknown, errors.Join(c.broken...)
}

type check struct {
	unknown []string
	broken  []error
}

func (c *check) breaks(at, format string, arguments ...any) {
	c.broken = append(c.broken, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, arguments...)))
}

func (c *check) value(at string, s *Schema, value any) {
	got := ""
	switch v := value.(type) {
	case map[string]any:
		got = "object"
		c.object(at, s, v)
	case []any:
		got = "array"
		c.count(at, "items", len(v), s.MinItems, s.MaxItems)
		for i, item := range v {
			if s.Items != nil {
				c.value(at+"/"+strconv.Itoa(i), s.Items, item)
			}
		}
	case string:
		got = "string"
		c.text(at, s, v)
	case json.Number:
		got = c.number(at, s, v)
	case bool:
		got = "boolean"
	case nil:
		got = "null"
	}
	if s.Type != "" && s.Type != got {
		c.breaks(at, "is %s, want %s", got, s.Type)
	}
}

func (c *check) object(at string, s *Schema, members map[string]any) {
	for _, name := range s.Required {
		if _, found := members[name]; !found {
			c.breaks(at, "%s is missing", name)
		}
	}
	c.count(at, "members", len(members), s.MinMembers, s.MaxMembers)
	for name, member := range members {
		if s.Names != nil {
			c.text(at+"/"+name+" (its name)", s.Names, name)
		}
		switch described := s.Properties[name]; {
		case described != nil:
			c.value(at+"/"+name, described, member)
		case s.Others != nil:
			c.value(at+"/"+name, s.Others, member)
		default:
			c.unknown = append(c.unknown, at+"/"+name)
		}
	}
}

func (c *check) text(at string, s *Schema, text string) {
	c.count(at, "characters", utf8.RuneCountInString(text), s.MinLength, s.MaxLength)
	if s.Pattern != nil && !s.Pattern.MatchString(text) {
		c.breaks(at, "%.80q does not match %s", text, s.Pattern)
	}
	if s.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			c.breaks(at, "%.80q is no RFC 3339 time", text)
		}
	}
}

// number returns the type of a number. Only a number written as a 64-bit integer counts as an integer.
func (c *check) number(at string, s *Schema, text json.Number) (kind string) {
	number, err := strconv.ParseInt(text.String(), 10, 64)
	if err != nil {
		return "number"
	}
	if s.Minimum != nil && number < *s.Minimum || s.Maximum != nil && number > *s.Maximum {
		c.breaks(at, "%d is out of bounds", number)
	}
	return "integer"
}

func (c *check) count(at, what string, n int, least, most *int) {
	if least != nil && n < *least || most != nil && n > *most {
		c.breaks(at, "%d %s are too few or too many", n, what)
	}
}
