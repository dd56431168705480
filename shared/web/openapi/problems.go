package openapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// CodesOf is the extension of a response that lists the codes its problem may have, for programs. Its description has
// them for people.
const CodesOf = "x-problem-codes"

// kinds are the problems that an operation may answer with.
func (d *document) kinds(op *Operation, route *web.Route, varies bool) []problem.Kind {
	all := slices.Concat(d.problems, op.Problems,
		[]problem.Kind{ratelimit.KindLimited, problem.KindInternal, auth.KindMisdirected})
	if route.Scope != auth.Public {
		all = append(all, auth.KindUnauthenticated, auth.KindInsufficientScope, auth.KindIssuerAway)
	}
	if route.Method != http.MethodGet {
		all = append(all, auth.KindCrossOrigin)
	}
	if op.Body != nil {
		all = append(all, problem.OfBody()...)
	}
	if varies && !slices.ContainsFunc(all, func(k problem.Kind) bool { return k.Code == problem.CodeNotFound }) {
		all = append(all, problem.KindNotFound) // with a part that no such path has, an encoded slash for one
	}
	return all
}

// refusals describes the problems, by status.
func (d *document) refusals(kinds []problem.Kind) map[int]*huma.Response {
	byStatus := map[int]*huma.Response{}
	foreign := slices.Contains(kinds, auth.KindCrossOrigin) // no credential mends that
	for _, kind := range kinds {
		response := byStatus[kind.Status]
		if response == nil {
			response = &huma.Response{
				Description: http.StatusText(kind.Status) + ". The code is one of:\n",
				Headers:     ofProblems(kind.Status, foreign),
				Content:     map[string]*huma.MediaType{problem.ContentType: {Schema: d.schema(problem.Problem{})}},
				Extensions:  map[string]any{CodesOf: []string{}},
			}
			byStatus[kind.Status] = response
		}
		line := "\n- `" + kind.Code + "`: " + kind.Says
		if !strings.Contains(response.Description+"\n", line+"\n") { // two parts of a description may name the same
			response.Description += line
		}
		codes, _ := response.Extensions[CodesOf].([]string)
		if !slices.Contains(codes, kind.Code) {
			response.Extensions[CodesOf] = append(codes, kind.Code)
		}
		d.noteCode(kind.Code)
	}
	for status, response := range byStatus {
		if varies := foreign && status == http.StatusForbidden; slices.Contains(everywhere, status) && !varies {
			name := strings.ReplaceAll(http.StatusText(status), " ", "")
			d.api.Components.Responses[name] = response
			byStatus[status] = &huma.Response{Ref: responseRef + name}
		}
	}
	return byStatus
}

// everywhere are the statuses whose problems are the same for every operation: they stand in the document once.
var everywhere = []int{
	http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusUnsupportedMediaType,
	http.StatusMisdirectedRequest, http.StatusTooManyRequests,
	http.StatusInternalServerError,
}

const responseRef = "#/components/responses/"

// ResponseOf returns what is described under a status, nil for nothing.
func ResponseOf(api *huma.OpenAPI, op *huma.Operation, status string) *huma.Response {
	response := op.Responses[status]
	if response != nil && response.Ref != "" {
		return api.Components.Responses[strings.TrimPrefix(response.Ref, responseRef)]
	}
	return response
}

// noteCode adds a code to those that the schema of problems lists.
func (d *document) noteCode(code string) {
	if !slices.Contains(d.codes, code) {
		d.codes = append(d.codes, code)
	}
}

// listCodes writes the codes into the schema of problems. Those of any path belong to it too, though no operation
// answers with them.
func (d *document) listCodes(rules []string) {
	d.schema(problem.Problem{}) // an API of which nothing is described has it too
	d.noteCode(problem.CodeNotFound)
	d.noteCode(problem.CodeMethodNotAllowed)
	slices.Sort(d.codes)
	d.nameCodes("Problem", d.codes)
	if len(rules) > 0 {
		d.nameCodes("FieldError", rules)
	}
}

// nameCodes gives the member code of a schema a schema of its own, so that generated clients have a type for it.
func (d *document) nameCodes(of string, codes []string) {
	member := d.registry.Map()[of].Properties["code"]
	d.registry.Map()[of+"Code"] = Said(Enum(codes...), member.Description, member.Examples...)
	d.registry.Map()[of].Properties["code"] = &Schema{Ref: Ref(of + "Code").Ref, Description: member.Description}
}
