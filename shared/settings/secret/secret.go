// Package secret keeps passwords and keys out of logs, errors and dumps of settings.
package secret

import (
	"errors"
	"fmt"
	"io"
)

// Text is a text that everything prints as [redacted]: fmt with any verb, JSON, YAML. The zero Text is empty, and
// printed as such, so that it can be seen whether there is one. Compare two by what they Reveal.
type Text struct {
	value *string // fmt prints fields that are not exported without asking their methods: this way it finds an address
}

// Redacted stands for a secret that is there.
const Redacted = "[redacted]"

// New returns the text, the zero Text for "".
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{&value}
}

// Reveal returns what is kept.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero reports whether there is none.
func (t Text) IsZero() bool { return t.value == nil }

// String implements fmt.Stringer.
func (t Text) String() string {
	if t.IsZero() {
		return ""
	}
	return Redacted
}

// GoString implements fmt.GoStringer.
func (t Text) GoString() string { return t.String() }

// Format implements fmt.Formatter: without it a verb that is none for a text, such as %d, would print an address.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// MarshalText implements encoding.TextMarshaler, for JSON and YAML.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. What is printed of a text is refused: the text itself is not known
// any more.
func (t *Text) UnmarshalText(text []byte) error {
	if string(text) == Redacted {
		return errors.New("a secret that was printed as " + Redacted + " cannot be read back: give the secret itself")
	}
	*t = New(string(text))
	return nil
}
