package openapi

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"ordertally/shared/auth"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
	"ordertally/shared/web/webpage"
)

//go:embed problem.html
var problemHTML string

var problemPage = template.Must(template.New("problem").Funcs(template.FuncMap{"prose": prose}).Parse(problemHTML))

// shownProblem is a code as its page shows it. Without a code, the page lists all of them.
type shownProblem struct {
	API, Code, Title string
	Documented       bool // the listener has the description of an API, and a console
	Cases            []shownCase
	All              []problem.Kind // one of each code
}

type shownCase struct{ Status, Says, Client, Operator string }

// ProblemRoutes returns a page for each code at the type of its problems, their list, and what the pages load: for a
// listener without an API. [Routes] has the pages of an API.
func ProblemRoutes(listener string, kinds []problem.Kind) []web.Route {
	kinds = slices.Clone(kinds)
	sortByCode(kinds)
	return append(problemRoutes(shownProblem{API: listener}, kinds),
		web.Route{Method: http.MethodGet, Path: "/assets/{file}", Scope: auth.Public, Handler: webpage.Assets()})
}

func sortByCode(kinds []problem.Kind) {
	slices.SortStableFunc(kinds, func(a, b problem.Kind) int { return strings.Compare(a.Code, b.Code) })
}

// problemRoutes returns a page for each code, and their list. kinds are sorted by code. Each page begins as common.
func problemRoutes(common shownProblem, kinds []problem.Kind) []web.Route {
	all := slices.CompactFunc(slices.Clone(kinds), func(a, b problem.Kind) bool { return a.Code == b.Code })
	listed := common
	listed.Title, listed.All = "Problems", all
	list := webpage.NewPage(renderProblem(listed))
	pages := map[string]*webpage.Page{}
	for i := range all {
		shown := common
		shown.Code, shown.Title = all[i].Code, TitleOf(all[i].Code)
		for _, kind := range kinds {
			if kind.Code == all[i].Code {
				status := fmt.Sprintf("%d %s", kind.Status, http.StatusText(kind.Status))
				shown.Cases = append(shown.Cases, shownCase{status, kind.Says, kind.Client, OperatorOf(&kind)})
			}
		}
		pages[shown.Code] = webpage.NewPage(renderProblem(shown))
	}
	return []web.Route{
		{Method: http.MethodGet, Path: "/problems", Scope: auth.Public, Handler: list.ServeHTTP},
		{Method: http.MethodGet, Path: "/problems/{code}", Scope: auth.Public,
			Handler: func(w http.ResponseWriter, r *http.Request) {
				page := pages[r.PathValue("code")]
				if page == nil {
					problem.Write(w, r, problem.NotFound())
					return
				}
				page.ServeHTTP(w, r)
			}},
	}
}

// TitleOf writes a code as people do.
func TitleOf(code string) string {
	title := strings.ReplaceAll(strings.ReplaceAll(code, "_", " "), "json", "JSON")
	return strings.ToUpper(title[:1]) + title[1:]
}

// OperatorOf says what the operator does about problems of a kind.
func OperatorOf(kind *problem.Kind) string {
	if kind.Operator == "" {
		return "Nothing."
	}
	return kind.Operator
}

// renderProblem makes a page. It is part of the program, so a failure is a mistake in the program and panics.
func renderProblem(shown shownProblem) []byte {
	var html bytes.Buffer
	if err := problemPage.Execute(&html, shown); err != nil {
		panic("page of the problem " + shown.Code + ": " + err.Error())
	}
	return html.Bytes()
}
