package order

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/text/wholenumber"
)

// scanner walks once over a body and collects violations. Once the body proves malformed, its methods do nothing and
// return false, so callers need not check.
type scanner struct {
	in        *jsontext.Decoder
	from      *bodyDecoder
	body      []byte
	again     string // the body once more, for the texts of the order
	now       time.Time
	malformed *Rejection

	key    *string // where a line of a batch has its idempotency key; nil for what is no line
	badKey bool    // that key is no valid one

	violations []Violation
	total      int
}

// bodyDecoder is a decoder of a body. It is used again, because its tables are a tenth of what a placement allocates.
type bodyDecoder struct {
	buffer  bytes.Buffer
	decoder jsontext.Decoder
}

var bodyDecoders = sync.Pool{New: func() any { return new(bodyDecoder) }}

// maxReused is the largest body whose decoder is used again. That of a larger one may have large tables.
const maxReused = 64 << 10

// newScanner returns a scanner of body. It must be released at the end.
func newScanner(body []byte, now time.Time) scanner {
	d, _ := bodyDecoders.Get().(*bodyDecoder)
	d.buffer = *bytes.NewBuffer(body)
	d.decoder.Reset(&d.buffer)
	return scanner{in: &d.decoder, from: d, body: body, again: string(body), now: now}
}

func (s *scanner) release() {
	s.from.buffer = bytes.Buffer{}
	s.from.decoder.Reset(&s.from.buffer)
	if len(s.body) <= maxReused {
		bodyDecoders.Put(s.from)
	}
}

// outermost enters the object that the body must be.
func (s *scanner) outermost() bool {
	switch kind := s.in.PeekKind(); kind {
	case '{', jsontext.KindInvalid:
		return s.token()
	default:
		s.refuse("", RuleNotAnObject, "the body must be a JSON object, not "+describe(kind))
		return false
	}
}

// end checks that nothing follows the outermost object.
func (s *scanner) end() {
	if s.malformed != nil {
		return
	}
	if _, err := s.in.ReadToken(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		s.refuse("", RuleTrailingData, "the body must hold one JSON object and nothing after it")
	}
}

// finish ends the scan. The error is a *Rejection with that code, unless the body is malformed.
func (s *scanner) finish(code Code) error {
	s.end()
	switch {
	case s.malformed != nil:
		return s.malformed
	case s.total > 0:
		return &Rejection{Code: code, Violations: s.violations, Total: s.total}
	}
	return nil
}

// enter steps into the object or array that the next value must be. It skips any other value.
func (s *scanner) enter(kind jsontext.Kind, want string) bool {
	if s.in.PeekKind() == kind {
		return s.token()
	}
	s.wrongType(want)
	return false
}

// next reports whether another member or element comes before end.
func (s *scanner) next(end jsontext.Kind) bool {
	if s.malformed != nil {
		return false
	}
	switch s.in.PeekKind() {
	case end:
		return false
	case jsontext.KindInvalid:
		return s.token()
	default:
		return true
	}
}

// leave steps out of an object or array after next returned false.
func (s *scanner) leave() { s.token() }

// name reads a member's name. It is valid until the next call.
func (s *scanner) name() []byte { return s.unquoted() }

// text reads a string that obeys rule.
func (s *scanner) text(rule textRule) string {
	text, ok := s.rawText()
	if ok {
		if broken, detail := rule.check(text); broken != "" {
			s.violate(broken, detail)
		}
	}
	return text
}

// rawText reads a string. It returns false when the value is not a string.
func (s *scanner) rawText() (string, bool) {
	if s.in.PeekKind() != '"' {
		s.wrongType("a string")
		return "", false
	}
	if s.malformed != nil {
		return "", false
	}
	quoted, err := s.in.ReadValue()
	if err != nil {
		s.fail(err)
		return "", false
	}
	if bytes.IndexByte(quoted, '\\') < 0 { // the text stands in the body, and shares its memory
		end := int(s.in.InputOffset()) - 1
		return s.again[end-len(quoted)+2 : end], true
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		s.fail(err)
	}
	return string(text), s.malformed == nil
}

// integer reads a whole number from atLeast to atMost.
func (s *scanner) integer(atLeast, atMost int64) int64 {
	if s.in.PeekKind() != '0' {
		s.wrongType("an integer")
		return 0
	}
	literal, err := s.in.ReadValue()
	if err != nil {
		s.fail(err)
		return 0
	}
	n, err := wholenumber.Parse(literal)
	if errors.Is(err, wholenumber.ErrFraction) {
		s.violate(RuleNotAnInteger, "must be a whole number")
		return 0
	}
	if err != nil || n < atLeast || n > atMost {
		s.violate(RuleOutOfRange, fmt.Sprintf("must be from %d to %d", atLeast, atMost))
		return 0
	}
	return n
}

// skip skips the next value, whatever it is.
func (s *scanner) skip() {
	for depth := s.in.StackDepth(); s.token() && s.in.StackDepth() > depth; {
	}
}

func (s *scanner) wrongType(want string) {
	kind := s.in.PeekKind()
	s.skip()
	detail := "must be " + want + ", not " + describe(kind)
	if kind == 'n' {
		detail += "; leave out what is not there"
	}
	s.violate(RuleWrongType, detail)
}

func describe(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	default:
		return "a boolean"
	}
}

// unquoted reads a string value or name. The result is valid until the next call.
func (s *scanner) unquoted() []byte {
	if s.malformed != nil {
		return nil
	}
	quoted, err := s.in.ReadValue()
	if err != nil {
		s.fail(err)
		return nil
	}
	if text := quoted[1 : len(quoted)-1]; bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		s.fail(err)
	}
	return text
}

// token reads one token.
func (s *scanner) token() bool {
	if s.malformed != nil {
		return false
	}
	if _, err := s.in.ReadToken(); err != nil {
		s.fail(err)
		return false
	}
	if s.in.StackDepth() > MaxDepth {
		s.refuse(string(s.in.StackPointer()), RuleTooDeep,
			fmt.Sprintf("objects and arrays are nested deeper than %d", MaxDepth))
		return false
	}
	return true
}

// fail ends the scan because the body is not JSON.
func (s *scanner) fail(err error) {
	var syntax *jsontext.SyntacticError
	switch {
	case !errors.As(err, &syntax): // the body ended before any value
		s.refuse("", RuleEmptyBody, "the body is empty; send one JSON object")
	case errors.Is(err, jsontext.ErrDuplicateName):
		s.refuse(string(syntax.JSONPointer), RuleRepeatedName,
			fmt.Sprintf("the name is given again at byte %d", syntax.ByteOffset))
	case !utf8.Valid(s.body):
		s.refuse(string(syntax.JSONPointer), RuleInvalidUTF8,
			fmt.Sprintf("the body is not UTF-8 near byte %d", syntax.ByteOffset))
	default:
		s.refuse(string(syntax.JSONPointer), RuleSyntax,
			fmt.Sprintf("not JSON at byte %d: %v", syntax.ByteOffset, syntax.Err))
	}
}

func (s *scanner) refuse(pointer string, rule Rule, detail string) {
	s.malformed = reject(CodeMalformedJSON, Violation{cutPointer(pointer), rule, detail})
}
