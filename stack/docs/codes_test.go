package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ordertally/activity/activityapi"
	"ordertally/activity/declare"
	"ordertally/order/orderapi"
	"ordertally/shared/event"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

// source is what the programs' own code says about codes and closed sets.
type source struct {
	values map[string]string   // values of constants, by package and name
	sets   map[string][]string // the values of the constants of a type, by package and type
	kinds  []kind              // of problems
	made   []string            // where a problem is made without a kind
}

type kind struct {
	at   string // the file
	pkg  string
	code ast.Expr
}

func readSource(t *testing.T) *source {
	t.Helper()
	s := &source{values: map[string]string{}, sets: map[string][]string{}}
	files := token.NewFileSet()
	for _, root := range []string{"../../order", "../../activity", "../../shared"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			s.read(strings.TrimPrefix(filepath.ToSlash(path), "../../"), file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *source) read(path string, file *ast.File) {
	pkg := file.Name.Name
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GenDecl:
			if node.Tok == token.CONST {
				for _, spec := range node.Specs {
					s.constant(pkg, spec)
				}
			}
		case *ast.CompositeLit:
			if code := codeOf(node); code != nil {
				s.kinds = append(s.kinds, kind{path, pkg, code})
			}
		case *ast.CallExpr:
			if named(node.Fun) == "problem.New" {
				s.made = append(s.made, path)
			}
		}
		return true
	})
}

func (s *source) constant(pkg string, spec ast.Spec) {
	values, ok := spec.(*ast.ValueSpec)
	if !ok {
		return
	}
	for i, name := range values.Names {
		if i >= len(values.Values) {
			continue
		}
		text, ok := values.Values[i].(*ast.BasicLit)
		if !ok || text.Kind != token.STRING {
			continue
		}
		value, err := strconv.Unquote(text.Value)
		if err != nil {
			continue
		}
		s.values[pkg+"."+name.Name] = value
		if of, ok := values.Type.(*ast.Ident); ok {
			s.sets[pkg+"."+of.Name] = append(s.sets[pkg+"."+of.Name], value)
		}
	}
}

// codeOf returns the code of a literal that is a problem.Kind.
func codeOf(literal *ast.CompositeLit) ast.Expr {
	fields := map[string]ast.Expr{}
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			fields[named(pair.Key)] = pair.Value
		}
	}
	if fields["Status"] == nil || fields["Says"] == nil {
		return nil
	}
	return fields["Code"]
}

// named returns an identifier, with its package if it has one.
func named(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return named(e.X) + "." + e.Sel.Name
	}
	return ""
}

// value returns the value of an expression: a text, a constant, or a constant converted to a string.
func (s *source) value(pkg string, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.CallExpr:
		return s.value(pkg, e.Args[0])
	case *ast.Ident:
		return s.values[pkg+"."+e.Name]
	}
	return s.values[named(e)]
}

// listed returns the enum of a schema in a document: the schema's own or that of one of its members.
func listed(t *testing.T, api *huma.OpenAPI, schema string) []string {
	t.Helper()
	s := api.Components.Schemas.Map()[schema]
	if s == nil || len(s.Enum) == 0 {
		t.Fatalf("%s: %s lists nothing", api.Info.Title, schema)
	}
	texts := make([]string, 0, len(s.Enum))
	for _, value := range s.Enum {
		text, _ := value.(string)
		texts = append(texts, text)
	}
	return texts
}

// opsListener has no document, because its answers are for the operator's own machine. It has a page for each problem.
const opsListener = "shared/service/telemetry/"

// TestEveryCode_IsInTheDocument checks that each problem is made from a kind, and that the code of every kind is in the
// OpenAPI document of its API.
func TestEveryCode_IsInTheDocument(t *testing.T) {
	s := readSource(t)
	for _, path := range s.made {
		if !strings.HasPrefix(path, "shared/web/problem/") {
			t.Errorf("%s makes a problem with problem.New: make it of a problem.Kind, and name that in the "+
				"description of the operation", path)
		}
	}
	order, activity := orderapi.Document(), activityapi.Document(declare.OrderCreated(event.Topic))
	documents := map[string][]*huma.OpenAPI{"order": {order}, "activity": {activity}, "shared": {order, activity}}
	for _, k := range s.kinds {
		code := s.value(k.pkg, k.code)
		if code == "" {
			t.Errorf("%s has a problem.Kind whose code this test cannot read", k.at)
		}
		if strings.HasPrefix(k.at, opsListener) {
			if !slices.ContainsFunc(telemetry.OpsProblems(), func(o problem.Kind) bool { return o.Code == code }) {
				t.Errorf("%s: the code %q has no page on the ops listener", k.at, code)
			}
			continue
		}
		root, _, _ := strings.Cut(k.at, "/")
		for _, api := range documents[root] {
			if !slices.Contains(listed(t, api, "ProblemCode"), code) {
				t.Errorf("%s: the code %q is not in the document of %s", k.at, code, api.Info.Title)
			}
		}
	}
	if len(s.kinds) < 30 {
		t.Errorf("only %d kinds were found", len(s.kinds))
	}
}

// TestEveryProblem_SaysWhatToDo checks that the page of each problem tells what the client does. If the request is not
// at fault, it also tells what the operator does. openapitest.Served checks that the services have the pages.
func TestEveryProblem_SaysWhatToDo(t *testing.T) {
	kinds := append(openapi.Problems(orderapi.Contract()),
		append(openapi.Problems(activityapi.Contract(declare.OrderCreated(event.Topic))),
			telemetry.OpsProblems()...)...)
	for _, k := range kinds {
		if !strings.HasSuffix(k.Client, ".") {
			t.Errorf("%s (%s) does not say what the client does", k.Code, k.Says)
		}
		isRequest := k.Status < http.StatusInternalServerError && k.Status != http.StatusTooManyRequests
		if !isRequest && k.Operator == "" || k.Operator != "" && !strings.HasSuffix(k.Operator, ".") {
			t.Errorf("%s (%s) does not say what the operator does", k.Code, k.Says)
		}
	}
	if len(kinds) < 50 {
		t.Errorf("only %d kinds were found", len(kinds))
	}
}

// TestClosedSets_AreWhole checks that the documents list every constant of the types with a closed set of values.
func TestClosedSets_AreWhole(t *testing.T) {
	s := readSource(t)
	order, activity := orderapi.Document(), activityapi.Document(declare.OrderCreated(event.Topic))
	for _, set := range []struct {
		api    *huma.OpenAPI
		of     string // package and type
		schema string
	}{
		{order, "order.State", "State"},
		{order, "order.Rule", "FieldErrorCode"},
		{order, "order.Code", "ProblemCode"},
		{order, "outbox.Class", "Class"},
		{order, "parked.Verb", "Verb"},
		{order, "parked.Outcome", "Outcome"},
		{order, "outbox.LinkState", "LinkState"},
		{order, "outbox.IncidentKind", "IncidentKind"},
		{activity, "activity.Code", "ProblemCode"},
		{activity, "activity.MessageState", "MessageState"},
		{activity, "activity.IncidentKind", "IncidentKind"},
		{activity, "activity.Reason", "Reason"},
		{activity, "parked.Verb", "Verb"},
		{activity, "parked.Outcome", "Outcome"},
		{activity, "activityapi.knownBy", "KnownBy"},
	} {
		constants := s.sets[set.of]
		if len(constants) < 2 {
			t.Errorf("%s has the constants %v", set.of, constants)
		}
		texts := listed(t, set.api, set.schema)
		for _, value := range constants {
			if !slices.Contains(texts, value) {
				t.Errorf("%s: %s does not list the %s %q", set.api.Info.Title, set.schema, set.of, value)
			}
		}
		if set.schema != "ProblemCode" && len(texts) != len(constants) {
			t.Errorf("%s: %s lists %v, the constants of %s are %v", set.api.Info.Title, set.schema, texts, set.of,
				constants)
		}
	}
}
