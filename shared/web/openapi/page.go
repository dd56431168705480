package openapi

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"prose": prose}).Parse(pageHTML))

// shownAPI is a document as the page shows it.
type shownAPI struct {
	Title   string
	Says    []string // paragraphs
	Groups  []shownGroup
	Schemas []shownSchema
}

// shownGroup is the operations whose paths have the same beginning.
type shownGroup struct {
	Path       string
	Operations []shownOperation
}

type shownOperation struct {
	ID, Method, Path, Scope, Summary, Description string
	Parameters                                    []shownMember
	Body                                          *shownContent
	Curl                                          string // a request that can be sent as it is; "" for none
	Answers, Problems                             []shownResponse
}

type shownContent struct {
	Media   string
	Type    []piece
	Limits  []string
	Members []shownMember
	Example string
}

type shownResponse struct {
	Status, Says string
	Codes        []shownCode
	Headers      []shownMember
	Content      *shownContent
}

type shownCode struct{ Code, Says string }

type shownSchema struct {
	Name, Says string
	Type       []piece
	Limits     []string
	Members    []shownMember
}

// render makes the page. The page is part of the program, so a failure is a mistake in the program and panics.
func render(api *huma.OpenAPI) []byte {
	shown := shownAPI{Title: api.Info.Title, Says: strings.Split(api.Info.Description, "\n\n")}
	groups := map[string][]shownOperation{}
	for path, item := range api.Paths {
		for method, op := range OperationsOf(item) {
			groups[groupOf(path)] = append(groups[groupOf(path)], operationOf(api, method, path, op))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(groups)) {
		slices.SortFunc(groups[path], func(a, b shownOperation) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(b.Method, a.Method)) // POST, then GET
		})
		shown.Groups = append(shown.Groups, shownGroup{path, groups[path]})
	}
	schemas := api.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		s := schemas[name]
		shown.Schemas = append(shown.Schemas,
			shownSchema{name, s.Description, typeOf(s), limitsOf(s), membersOf("", s)})
	}
	var html bytes.Buffer
	if err := page.Execute(&html, shown); err != nil {
		panic("page of " + api.Info.Title + ": " + err.Error())
	}
	return html.Bytes()
}

// groupOf returns the beginning of a path: its first two parts, and of an activity's path one more.
func groupOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) > 4 && parts[2] == "activities" {
		return strings.Join(parts[:4], "/")
	}
	return strings.Join(parts[:min(3, len(parts))], "/")
}

func operationOf(api *huma.OpenAPI, method, path string, op *huma.Operation) shownOperation {
	shown := shownOperation{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary,
		Description: op.Description}
	if len(op.Security) > 0 {
		shown.Scope = op.Security[0][credential][0]
	}
	for _, p := range op.Parameters {
		member := memberOf(p.Name, p.Schema, p.Required)
		member.In, member.Says = p.In, p.Description
		shown.Parameters = append(shown.Parameters, member)
	}
	if op.RequestBody != nil {
		shown.Body = contentOf(op.RequestBody.Content)
	}
	shown.Curl = curlOf(method, path, op)
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		response := responseOf(api, status, ResponseOf(api, op, status))
		if status < "400" {
			shown.Answers = append(shown.Answers, response)
		} else {
			shown.Problems = append(shown.Problems, response)
		}
	}
	return shown
}

func responseOf(api *huma.OpenAPI, status string, response *huma.Response) shownResponse {
	shown := shownResponse{Status: status, Says: response.Description, Content: contentOf(response.Content)}
	if says, list, found := strings.Cut(response.Description, " The code is one of:\n"); found {
		shown.Says = says
		for line := range strings.SplitSeq(strings.TrimPrefix(list, "\n- "), "\n- ") {
			code, says, _ := strings.Cut(line, ": ")
			shown.Codes = append(shown.Codes, shownCode{strings.Trim(code, "`"), says})
		}
	}
	headers := HeadersOf(api, response)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		member := memberOf(name, headers[name].Schema, headers[name].Required)
		if member.Says = headers[name].Description; headers[name].Required {
			member.Must = "always"
		}
		shown.Headers = append(shown.Headers, member)
	}
	return shown
}

// contentOf shows a body. It returns nil if there is none.
func contentOf(content map[string]*huma.MediaType) *shownContent {
	for media, m := range content {
		shown := &shownContent{Media: media, Type: typeOf(m.Schema), Limits: limitsOf(m.Schema),
			Members: membersOf("", m.Schema)}
		if m.Example != nil {
			text, err := json.MarshalIndent(m.Example, "", "  ")
			if err != nil {
				panic("example of " + media + ": " + err.Error())
			}
			shown.Example = string(text)
		}
		return shown
	}
	return nil
}

// prose turns a text of the document into HTML. Its only markup is `code`.
func prose(text string) template.HTML {
	var html strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		html.WriteString(part)
	}
	return template.HTML(html.String()) //nolint:gosec // each part was escaped above
}
