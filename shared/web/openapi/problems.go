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

// CodesOf is the extension of a response that lists its problem codes for programs. The description lists them for
// people.
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
		all = append(all, problem.KindNotFound) // a variable's value may be impossible, such as an encoded slash
	}
	return all
}

// refusals describes the problems, by status.
func (d *document) refusals(kinds []problem.Kind) map[int]*huma.Response {
	byStatus := map[int]*huma.Response{}
	foreign := slices.Contains(kinds, auth.KindCrossOrigin) // no credential helps against it
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
		// two parts of the description may name the same kind
		if !strings.Contains(response.Description+"\n", line+"\n") {
			response.Description += line
		}
		codes, _ := response.Extensions[CodesOf].([]string)
		if !slices.Contains(codes, kind.Code) {
			response.Extensions[CodesOf] = append(codes, kind.Code)
		}
		d.note(kind)
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

// everywhere are the statuses whose problems are the same for every operation. The document describes them once.
var everywhere = []int{
	http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusUnsupportedMediaType,
	http.StatusMisdirectedRequest, http.StatusTooManyRequests,
	http.StatusInternalServerError,
}

const responseRef = "#/components/responses/"

// ResponseOf returns the response that is described for a status; nil for none.
func ResponseOf(api *huma.OpenAPI, op *huma.Operation, status string) *huma.Response {
	response := op.Responses[status]
	if response != nil && response.Ref != "" {
		return api.Components.Responses[strings.TrimPrefix(response.Ref, responseRef)]
	}
	return response
}

// note adds a kind to those that the API answers with.
func (d *document) note(kind problem.Kind) {
	if !slices.Contains(d.answered, kind) {
		d.answered = append(d.answered, kind)
	}
}

// listCodes writes the codes into the schema of problems, with those that any path may answer.
func (d *document) listCodes(rules []string) {
	d.schema(problem.Problem{}) // even if no operation is described
	d.note(problem.KindNotFound)
	d.note(problem.KindMethodNotAllowed)
	sortByCode(d.answered)
	var codes []string
	for _, kind := range d.answered {
		codes = append(codes, kind.Code)
	}
	d.nameCodes("Problem", slices.Compact(codes))
	if len(rules) > 0 {
		d.nameCodes("FieldError", rules)
	}
}

// nameCodes gives the codes a schema of their own, so that generated clients have a type for them.
func (d *document) nameCodes(of string, codes []string) {
	member := d.registry.Map()[of].Properties["code"]
	d.registry.Map()[of+"Code"] = Said(Enum(codes...), member.Description, member.Examples...)
	d.registry.Map()[of].Properties["code"] = &Schema{Ref: Ref(of + "Code").Ref, Description: member.Description}
}
