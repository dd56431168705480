package ingest

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"ordertally/activity/measure"
	"ordertally/shared/text/wholenumber"
)

// extractor reads the values at some paths of a JSON document in one pass. It checks that the rest is JSON, and passes
// over it. It reuses its memory: what it found is valid until the next document. It is not safe for concurrent use.
type extractor struct {
	root    *node
	fields  []field
	splits  []*split
	decoder *jsontext.Decoder
	input   bytes.Buffer
	text    []byte // of all scalars found
}

// node is a member of the document that a path leads through or to.
type node struct {
	members map[string]*node
	field   int   // of the path that ends here, or -1
	below   []int // fields of the paths that end one member further
	array   bool  // it is one in this document; only set if a split passes through
	splits  []*split
}

// field is what stands at one path.
type field struct {
	path     measure.Path
	elements int64    // of the arrays there; anything else that is not null is one
	values   []scalar // in order; an absent one for each object of an array that lacks the member
}

// scalar is a value that is no object and no array.
type scalar struct {
	kind   jsontext.Kind // '"', '0', 't', 'f', 'n'; 0 when it is absent
	text   []byte        // of a string, or the digits of a number
	parent bool          // it stands for an object or array, where a scalar was wanted
}

// add makes read find the values at a path, and returns the index of their field.
func (x *extractor) add(path measure.Path) int {
	if x.root == nil {
		x.root = &node{field: -1}
	}
	at, before := x.root, (*node)(nil)
	for name := range strings.SplitSeq(string(path), ".") {
		if at.members == nil {
			at.members = make(map[string]*node)
		}
		if at.members[name] == nil {
			at.members[name] = &node{field: -1}
		}
		at, before = at.members[name], at
	}
	if at.field < 0 {
		at.field = len(x.fields)
		x.fields = append(x.fields, field{path: path})
		before.below = append(before.below, at.field)
	}
	return at.field
}

// split says which values belong to which of the objects at one path.
type split struct {
	through []*node // the nodes that lead to the objects, theirs last
	fields  []int   // of paths below
	ends    []int32 // after each object: how many values each of the fields had
}

// split makes read tell the values of some fields apart by the objects at a path that their paths go through.
func (x *extractor) split(objects measure.Path, fields []int) *split {
	s := &split{fields: fields}
	at := x.root
	for name := range strings.SplitSeq(string(objects), ".") {
		at = at.members[name]
		s.through = append(s.through, at)
	}
	at.splits = append(at.splits, s)
	x.splits = append(x.splits, s)
	return s
}

// elements reports whether there may be several objects: they are in an array, or in what is in one.
func (s *split) elements() bool {
	for _, n := range s.through {
		if n.array {
			return true
		}
	}
	return false
}

// ended notes that an object has been read.
func (x *extractor) ended(n *node) {
	for _, s := range n.splits {
		for _, field := range s.fields {
			//nolint:gosec // no more than a record has bytes
			s.ends = append(s.ends, int32(len(x.fields[field].values)))
		}
	}
}

// read finds the values of all paths in a document, which must be one JSON object and nothing after it.
func (x *extractor) read(document []byte) error {
	for i := range x.fields {
		x.fields[i].elements, x.fields[i].values = 0, x.fields[i].values[:0]
	}
	for _, s := range x.splits {
		s.ends = s.ends[:0]
		for _, n := range s.through {
			n.array = false
		}
	}
	x.text = x.text[:0]
	x.input = *bytes.NewBuffer(document)
	if x.decoder == nil {
		x.decoder = jsontext.NewDecoder(&x.input)
	} else {
		x.decoder.Reset(&x.input)
	}
	if x.decoder.PeekKind() != '{' {
		if _, err := x.decoder.ReadValue(); err != nil {
			return err
		}
		return errors.New("it is not an object")
	}
	if x.root == nil {
		x.root = &node{field: -1}
	}
	if err := x.walk(x.root); err != nil {
		return err
	}
	if _, err := x.decoder.ReadToken(); err == nil || !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// walk reads the next value, which is that of a node.
func (x *extractor) walk(n *node) error {
	switch x.decoder.PeekKind() {
	case '{':
		x.count(n, 1)
		x.noteObject(n, '{')
		return x.object(n)
	case '[':
		return x.array(n)
	}
	value, err := x.decoder.ReadValue()
	if err != nil {
		return err
	}
	x.scalar(n, value)
	return nil
}

func (x *extractor) object(n *node) error {
	if _, err := x.decoder.ReadToken(); err != nil {
		return err
	}
	for x.decoder.PeekKind() != '}' {
		quoted, err := x.decoder.ReadValue()
		if err != nil {
			return err
		}
		member, known := n.members[string(quoted[1:len(quoted)-1])]
		if !known && bytes.IndexByte(quoted, '\\') >= 0 {
			name, err := jsontext.AppendUnquote(nil, quoted)
			if err != nil {
				return err
			}
			member, known = n.members[string(name)]
		}
		if !known {
			err = x.decoder.SkipValue()
		} else {
			kind := x.decoder.PeekKind()
			if err = x.walk(member); kind != '[' {
				x.ended(member)
			}
		}
		if err != nil {
			return err
		}
	}
	_, err := x.decoder.ReadToken()
	return err
}

// array reads the elements as values of the same node. After each of them the paths that lead one member further have
// one more value. So the values of one object have the same index.
func (x *extractor) array(n *node) error {
	n.array = true
	if _, err := x.decoder.ReadToken(); err != nil {
		return err
	}
	for x.decoder.PeekKind() != ']' {
		if kind := x.decoder.PeekKind(); kind == 'n' {
			x.count(n, 1) // an element all the same
		}
		if err := x.element(n); err != nil {
			return err
		}
	}
	_, err := x.decoder.ReadToken()
	return err
}

func (x *extractor) element(n *node) error {
	const enough = 16
	var room [enough]int
	before := room[:0]
	for _, s := range n.below {
		before = append(before, len(x.fields[s].values))
	}
	kind := x.decoder.PeekKind()
	if err := x.walk(n); err != nil {
		return err
	}
	for i, s := range n.below {
		if len(x.fields[s].values) == before[i] {
			x.fields[s].values = append(x.fields[s].values, scalar{})
		}
	}
	if kind != '[' {
		x.ended(n)
	}
	return nil
}

func (x *extractor) count(n *node, elements int64) {
	if n.field >= 0 {
		x.fields[n.field].elements += elements
	}
}

// noteObject notes an object where a path ends.
func (x *extractor) noteObject(n *node, kind jsontext.Kind) {
	if n.field >= 0 {
		x.fields[n.field].values = append(x.fields[n.field].values, scalar{kind: kind, parent: true})
	}
}

func (x *extractor) scalar(n *node, value jsontext.Value) {
	if n.field < 0 {
		return
	}
	s := &x.fields[n.field]
	found := scalar{kind: value.Kind()}
	from := len(x.text)
	switch found.kind {
	case 'n':
		s.values = append(s.values, found)
		return
	case '"':
		x.text, _ = jsontext.AppendUnquote(x.text, value) // the decoder has checked it
	default:
		x.text = append(x.text, value...)
	}
	found.text = x.text[from:len(x.text):len(x.text)]
	s.elements++
	s.values = append(s.values, found)
}

// errKind says that a value has another type than the definition wants.
type errKind struct {
	path measure.Path
	want string
}

func (e *errKind) Error() string { return "The value at " + string(e.path) + " is not " + e.want + "." }

// absent reports whether there is no value: the member is missing, or null.
func (s *scalar) absent() bool { return s.kind == 0 || s.kind == 'n' }

// number returns a whole number. An absent one is 0.
func (f *field) number(v *scalar) (int64, error) {
	if v.absent() {
		return 0, nil
	}
	n, err := wholenumber.Parse(v.text)
	if v.kind != '0' || err != nil {
		return 0, &errKind{f.path, "a whole number of 64 bits"}
	}
	return n, nil
}

// one returns the only text there, or nil. The same text several times is one. A number or truth value is taken as its
// text.
func (f *field) one() ([]byte, error) {
	var found []byte
	for i := range f.values {
		v := &f.values[i]
		if v.absent() {
			continue
		}
		if v.parent || found != nil && !bytes.Equal(v.text, found) {
			return nil, &errKind{f.path, "one text"}
		}
		found = v.text
	}
	return found, nil
}
