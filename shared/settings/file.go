package settings

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"ordertally/shared/settings/plainfile"
)

// maxFile is the largest settings file, in bytes. The bound also limits nesting to what the YAML parser's recursion can
// take.
const maxFile = 64 << 10

// entry is one key of the file with its value: a text, or a list of texts.
type entry struct {
	path string
	line int
	key  string
	text string
	list []string // nil unless the value is a list
	yaml bool     // text is the YAML of a nested setting; its lines have the file's numbers
}

func (e entry) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: %w", e.path, e.line, e.key, fmt.Errorf(format, args...))
}

// readFile reads a settings file. It checks that each key is known and occurs once. The values of nested keys are taken
// as YAML. All others must be texts or lists of texts. The error lists all faults.
func readFile(path string, known, nested []string) (map[string]entry, error) {
	data, err := plainfile.ReadOnce(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read settings file: %w", err)
	}
	return parseFile(path, data, known, nested)
}

func parseFile(path string, data []byte, known, nested []string) (map[string]entry, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("settings file %s is not UTF-8", path)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark
	tokens := lexer.Tokenize(string(data))
	if line := tooDeep(tokens); line > 0 {
		return nil, fmt.Errorf("%s:%d: too many brackets; settings are not nested", path, line)
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // duplicates are reported below, by our names
	if err != nil {
		if ye, ok := errors.AsType[yaml.Error](err); ok && ye.GetToken() != nil {
			return nil, fmt.Errorf("%s:%d: not YAML: %s", path, ye.GetToken().Position.Line, ye.GetMessage())
		}
		return nil, fmt.Errorf("settings file %s is not YAML: %w", path, err)
	}
	pairs, err := topLevel(path, tree)
	if err != nil {
		return nil, err
	}
	entries := make(map[string]entry, len(pairs))
	var errs []error
	lines := strings.SplitAfter(string(data), "\n")
	for i, pair := range pairs {
		e := entry{path: path, line: lineOf(pair.Key), key: keyText(pair.Key)}
		if !slices.Contains(known, e.key) {
			errs = append(errs, e.errorf("no such setting%s", suggest(e.key, known)))
			continue
		}
		if first, ok := entries[e.key]; ok {
			errs = append(errs, e.errorf("is already set on line %d", first.line))
			continue
		}
		if slices.Contains(nested, e.key) {
			end := len(lines)
			if i+1 < len(pairs) {
				end = lineOf(pairs[i+1].Key) - 1
			}
			e.text, e.yaml = nestedText(pair, lines[:end]), true
		} else if err := e.take(pair.Value); err != nil {
			errs = append(errs, e.errorf("%w", err))
		}
		entries[e.key] = e
	}
	return entries, errors.Join(errs...)
}

// nestedText returns the value of a nested setting as YAML. Empty lines in front give each line the number that it has
// in the file. lines are the file's lines up to the next setting.
func nestedText(pair *ast.MappingValueNode, lines []string) string {
	first := lineOf(pair.Key)
	switch value := pair.Value.(type) {
	case *ast.StringNode:
		return strings.Repeat("\n", first-1) + value.Value
	case *ast.LiteralNode: // text that contains YAML, as config print writes it
		return strings.Repeat("\n", first) + value.Value.Value
	}
	text := strings.Repeat("\n", first) + strings.Join(lines[min(first, len(lines)):], "")
	if at := startOf(pair.Value); at.Line == first { // it begins on the line of its key
		line := []rune(lines[first-1])
		column := min(max(at.Column-1, 0), len(line))
		text = strings.Repeat(
			"\n",
			first-1,
		) + strings.Repeat(
			" ",
			column,
		) + string(
			line[column:],
		) + strings.Join(
			lines[first:],
			"",
		)
	}
	plain := pair.Value.String()
	if tree, err := parser.Parse(
		lexer.Tokenize(text),
		0,
		parser.AllowDuplicateMapKey(),
	); err != nil || len(tree.Docs) != 1 || tree.Docs[0].Body == nil ||
		!sameYAML(tree.Docs[0].Body.String(), plain) {
		return plain // its line numbers are lost, but nothing else
	}
	return text
}

// startOf returns the position of a value's first character.
func startOf(node ast.Node) token.Position {
	if tk := node.GetToken(); tk != nil && tk.Position != nil {
		return *tk.Position
	}
	return token.Position{}
}

// sameYAML compares values as written, except for indentation and comments.
func sameYAML(a, b string) bool {
	plain := func(text string) string {
		var kept []string
		for _, tk := range lexer.Tokenize(text) {
			if tk.Type != token.CommentType {
				kept = append(kept, tk.Value)
			}
		}
		return strings.Join(kept, "\x00")
	}
	return plain(a) == plain(b)
}

// tooDeep returns the line on which more brackets are open than any settings file needs, or 0. The parser's time grows
// with the square of the depth: 14 s for a file full of brackets.
func tooDeep(tokens token.Tokens) int {
	depth := 0
	for _, tk := range tokens {
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		if depth > 8 {
			return tk.Position.Line
		}
	}
	return 0
}

// topLevel returns the pairs of the file's one mapping. A file without a mapping is empty, which is fine.
func topLevel(path string, tree *ast.File) ([]*ast.MappingValueNode, error) {
	var body ast.Node
	for _, doc := range tree.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			return nil, fmt.Errorf("%s:%d: a settings file is one YAML document, not several", path, lineOf(doc.Body))
		default:
			body = doc.Body
		}
	}
	switch node := body.(type) {
	case nil, *ast.NullNode:
		return nil, nil
	case *ast.MappingNode:
		return node.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{node}, nil
	}
	return nil, fmt.Errorf("%s:%d: a settings file is a list of \"name: value\"", path, lineOf(body))
}

func (e *entry) take(node ast.Node) error {
	if list, ok := node.(*ast.SequenceNode); ok {
		e.list = make([]string, 0, len(list.Values))
		for _, item := range list.Values {
			text, err := scalar(item)
			if err != nil {
				return err
			}
			e.list = append(e.list, text)
		}
		return nil
	}
	var err error
	e.text, err = scalar(node)
	return err
}

// scalar returns the text of a plain value, as written.
func scalar(node ast.Node) (string, error) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, nil
	case *ast.LiteralNode:
		return node.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, nil
	case nil, *ast.NullNode:
		return "", errors.New(`has no value; leave the line out, or write "" for an empty one`)
	case *ast.MappingNode, *ast.MappingValueNode:
		return "", errors.New("is a mapping, but settings are not nested")
	case *ast.SequenceNode:
		return "", errors.New("is a list in a list")
	}
	return "", errors.New("is a YAML anchor, alias or tag; write the plain value")
}

func keyText(key ast.MapKeyNode) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	return key.GetToken().Value
}

func lineOf(node ast.Node) int {
	if tk := node.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 1
}
