// Command referencedoc prints a page of docs/reference that is made from both services: routes, problems or exit-codes.
package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"ordertally/activity/activityapi"
	"ordertally/activity/declare"
	"ordertally/order/orderapi"
	"ordertally/shared/auth"
	"ordertally/shared/event"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

const made = "Made from the programs by `make generate`; `make lint` fails when it is not up to date.\n"

func main() {
	var text strings.Builder
	switch page := strings.Join(os.Args[1:], " "); page {
	case "routes":
		routes(&text)
	case "problems":
		problems(&text)
	case "exit-codes":
		exitCodes(&text)
	default:
		fmt.Fprintln(os.Stderr, "referencedoc: name a page: routes, problems or exit-codes")
		os.Exit(settings.ExitUsage)
	}
	if _, err := os.Stdout.WriteString(text.String()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(settings.ExitFailed)
	}
}

// apis are those of both services, activity with what it counts by default.
func apis() [2]openapi.API {
	return [2]openapi.API{orderapi.Contract(), activityapi.Contract(declare.OrderCreated(event.Topic))}
}

var services = [2]string{"order", "activity"}

// pages says what public routes are, which no API describes.
var pages = map[string]string{
	"/": "The console.", "/outbox": "The console: the outbox.", "/keys": "The console: API keys.",
	"/assets/{file}": "What the pages are made of.", "/docs": "The description of the API.",
	"/openapi.json": "The same for programs: OpenAPI 3.1.", "/problems": "All problems.",
	"/problems/{code}": "What a problem means: the page that `type` leads to.",
	"/metrics":         "Metrics, as Prometheus reads them.", "/livez": "Whether the service must be restarted.",
	"/readyz": "Whether the service should get requests.", "/startupz": "Whether the service answers yet.",
	"/loglevel": "The level of the log: read, or change it.",
	"/debug/pprof/{profile}": "A profile of the process: `profile` (of the processor), `heap`, `allocs`, " +
		"`goroutine`, " +
		"`mutex` or `block`. `seconds` is at most 60.",
}

var pattern = regexp.MustCompile(`\{([^}:]+):[^}]*\}`)

func routes(text *strings.Builder) {
	text.WriteString("# Routes\n\n" + made + "\nA scope is needed where keys or an issuer are configured. " +
		"[Security](../operate/security.md#scopes) says what each\nscope allows. `/docs` of each service has " +
		"parameters, bodies, answers and examples. HEAD is answered wherever GET is.\n")
	for i, api := range apis() {
		fmt.Fprintf(text, "\n## %s\n\n", services[i])
		table(text, append(api.Routes, openapi.Routes(api)...), api.Operations)
	}
	text.WriteString("\n## ops listener\n\nThe same for both services, at `ops-listen`.\n\n")
	table(text, telemetry.OpsRoutes(), nil)
}

func table(text *strings.Builder, routes []web.Route, operations map[string]openapi.Operation) {
	slices.SortStableFunc(routes, func(a, b web.Route) int { return strings.Compare(a.Path, b.Path) })
	text.WriteString("| route | scope | what it does |\n|---|---|---|\n")
	for i := range routes {
		name := routes[i].Method + " " + routes[i].Path
		says := pages[routes[i].Path]
		for _, described := range slices.Sorted(maps.Keys(operations)) {
			if op := operations[described]; described == name || says == "" && op.Of == name {
				says = op.Summary
			}
		}
		if says == "" {
			fmt.Fprintf(os.Stderr, "referencedoc: nothing says what %s does\n", name)
			os.Exit(settings.ExitFailed)
		}
		scope := "`" + routes[i].Scope + "`"
		if routes[i].Scope == auth.Public {
			scope = "none"
		}
		fmt.Fprintf(text, "| `%s` | %s | %s |\n", pattern.ReplaceAllString(name, "{$1}"), scope, says)
	}
}

func problems(text *strings.Builder) {
	text.WriteString("# Problems\n\n" + made + "\nEvery refusal is `application/problem+json` with a `code`. " +
		"Its `type` is the path of a page of the service that says the same\nas this one. " +
		"[Integrate](../integrate.md#problems) tells how a program reads problems.\n")
	for i, api := range apis() {
		problemTable(text, services[i], openapi.Problems(api))
	}
	problemTable(text, "ops listener", telemetry.OpsProblems())
}

func problemTable(text *strings.Builder, title string, kinds []problem.Kind) {
	slices.SortStableFunc(kinds, func(a, b problem.Kind) int { return strings.Compare(a.Code, b.Code) })
	fmt.Fprintf(text, "\n## %s\n\n| code | status | when | the client | the operator |\n|---|---|---|---|---|\n", title)
	for i := range kinds {
		fmt.Fprintf(text, "| `%s` | %d | %s | %s | %s |\n", kinds[i].Code, kinds[i].Status, kinds[i].Says,
			kinds[i].Client, openapi.OperatorOf(&kinds[i]))
	}
}

func exitCodes(text *strings.Builder) {
	text.WriteString("# Exit codes\n\n" + made + "\nAll programs and all their verbs end with one of these:\n\n" +
		"| code | means | then |\n|---|---|---|\n")
	for _, exit := range settings.ExitCodes() {
		fmt.Fprintf(text, "| %d | %s | %s |\n", exit.Code, exit.Means, exit.Then)
	}
	text.WriteString("\nA service that was killed has none of these. Start it again: nothing is lost.\n")
}
