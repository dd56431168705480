package declare

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"ordertally/shared/text/spelling"
)

// keys are what a declaration may say.
var keys = []string{
	"name",
	"topic",
	"type",
	"type-at",
	"schema",
	"id",
	"time",
	"subject",
	"measures",
	"dimensions",
	"rules",
}

// faults are what is wrong with a text, line by line.
type faults []fault

type fault struct {
	line int
	text string
}

// add notes a fault of a setting; activity and setting may be "".
func (f *faults) add(line int, activity, setting string, err error) {
	text := fmt.Sprintf("line %d", line)
	if activity != "" {
		text += ", " + activity
	}
	if setting != "" {
		text += ": " + setting
	}
	*f = append(*f, fault{line, text + ": " + err.Error()})
}

// err returns all faults in the order of their lines, or nil.
func (f *faults) err() error {
	slices.SortStableFunc(*f, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, len(*f))
	for i := range *f {
		errs[i] = errors.New((*f)[i].text)
	}
	return errors.Join(errs...)
}

// item is one activity as it is written.
type item struct {
	number int // from 1
	line   int
	node   ast.Node
	fields map[string]field
	label  string // in errors
	faults *faults
}

// field is a key with its value.
type field struct {
	key   string
	line  int
	value ast.Node
}

// readItems finds the activities in a text.
func readItems(text string) ([]item, error) {
	// Duplicates are reported later, with their line.
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		if ye, ok := errors.AsType[yaml.Error](err); ok && ye.GetToken() != nil {
			return nil, fmt.Errorf(
				"%w; line %d is not YAML: %s",
				errNoList,
				ye.GetToken().Position.Line,
				ye.GetMessage(),
			)
		}
		return nil, fmt.Errorf("%w: %w", errNoList, err)
	}
	var items []item
	for _, doc := range file.Docs {
		switch body := doc.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode:
		case *ast.SequenceNode:
			for _, node := range body.Values {
				items = append(items, item{number: len(items) + 1, line: lineOf(node), node: node})
			}
		default:
			return nil, fmt.Errorf("%w: line %d is something else", errNoList, lineOf(body))
		}
	}
	return items, nil
}

var errNoList = fmt.Errorf("activities must be a list of %s", strings.Join(keys, ", "))

// lineOf returns the line on which a node begins.
func lineOf(node ast.Node) int {
	if pairs, ok := pairsOf(node); ok && len(pairs) > 0 {
		node = pairs[0].Key
	}
	if tk := node.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 1
}

// pairsOf returns what a mapping has.
func pairsOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch node := node.(type) {
	case *ast.MappingNode:
		return node.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{node}, true
	}
	return nil, false
}

// mapping reads the keys of a mapping in their order, each once.
func (it *item) mapping(setting string, node ast.Node, otherwise string) []field {
	pairs, ok := pairsOf(node)
	if !ok {
		it.fault(lineOf(node), setting, errors.New(otherwise))
		return nil
	}
	var fields []field
	for _, pair := range pairs {
		f := field{key: pair.Key.GetToken().Value, line: lineOf(pair.Key), value: pair.Value}
		if before := slices.IndexFunc(fields, func(other field) bool { return other.key == f.key }); before >= 0 {
			name := f.key
			if setting != "" {
				name = setting + ": " + f.key
			}
			it.fault(f.line, name, fmt.Errorf("is already set on line %d", fields[before].line))
			continue
		}
		fields = append(fields, f)
	}
	return fields
}

// read takes the item apart, and refuses what it does not know. It reports whether the item is a mapping at all.
func (it *item) read() bool {
	it.label = fmt.Sprintf("activity number %d", it.number)
	pairs, ok := pairsOf(it.node)
	for _, pair := range pairs { // the name first: the faults have it
		if text, err := scalar(
			pair.Value,
		); pair.Key.GetToken().Value == "name" && err == nil &&
			nameForm.MatchString(text) {
			it.label = text
			break
		}
	}
	it.fields = make(map[string]field)
	for _, f := range it.mapping("", it.node, `write its settings as "name: value", a line each`) {
		if slices.Contains(keys, f.key) {
			it.fields[f.key] = f
			continue
		}
		hint := ""
		if near := spelling.Nearest(f.key, keys); near != "" {
			hint = fmt.Sprintf(", did you mean %q?", near)
		}
		it.fault(f.line, fmt.Sprintf("%.40s", f.key), fmt.Errorf("no such setting%s", hint))
	}
	return ok
}

func (it *item) fault(line int, setting string, err error) {
	it.faults.add(line, it.label, setting, err)
}

// lacks reports whether a setting is not there, or empty.
func (it *item) lacks(key string) bool {
	f, given := it.fields[key]
	text, err := "", error(nil)
	if given {
		text, err = scalar(f.value)
	}
	return text == "" && err == nil
}

// text returns the text of a setting, or "" if it is missing or has no text.
func (it *item) text(key string) (text string, line int) {
	f, given := it.fields[key]
	if !given {
		return "", it.line
	}
	text, err := scalar(f.value)
	if err != nil {
		it.fault(f.line, key, err)
	}
	return text, f.line
}

// texts returns the texts of a mapping, in the order written.
func (it *item) texts(key string, most int) []named {
	f, given := it.fields[key]
	if !given || f.value.Type() == ast.NullType {
		return nil
	}
	var all []named
	for _, pair := range it.mapping(key, f.value, `write them as "name: value", a line each`) {
		text, err := scalar(pair.value)
		if err != nil {
			it.fault(pair.line, key+": "+pair.key, err)
			continue
		}
		all = append(all, named{pair.key, text, pair.line})
	}
	return it.bounded(key, all, most)
}

// named is a text with its name and line.
type named struct {
	name, text string
	line       int
}

// list returns the texts of a list.
func (it *item) list(key string, most int) []named {
	f, given := it.fields[key]
	if !given || f.value.Type() == ast.NullType {
		return nil
	}
	sequence, ok := f.value.(*ast.SequenceNode)
	if !ok {
		it.fault(f.line, key, errors.New("write them as a list"))
		return nil
	}
	var all []named
	for _, node := range sequence.Values {
		text, err := scalar(node)
		if err != nil {
			it.fault(lineOf(node), key, err)
			continue
		}
		all = append(all, named{text: text, line: lineOf(node)})
	}
	return it.bounded(key, all, most)
}

func (it *item) bounded(key string, all []named, most int) []named {
	if len(all) <= most {
		return all
	}
	it.fault(it.fields[key].line, key, fmt.Errorf("there are %d; there may be %d at most", len(all), most))
	return nil
}

// scalar returns the text of a plain value, as it was written.
func scalar(node ast.Node) (string, error) {
	switch node := node.(type) {
	case nil, *ast.NullNode:
		return "", nil
	case *ast.StringNode:
		return node.Value, nil
	case *ast.LiteralNode:
		return node.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, nil
	}
	return "", errors.New("write a plain text")
}
