// Package secret keeps passwords and keys out of logs, errors and dumps of settings.
package secret

import (
	"errors"
	"fmt"
	"io"
)

// Text is a text that always prints as [redacted]: with any verb of fmt, in JSON and in YAML. The zero Text is empty
// and prints as such, so that one can see whether there is a secret. Compare two by what Reveal returns.
type Text struct {
	value *string // fmt prints unexported fields without their methods; it finds only an address
}

// Redacted stands for an existing secret.
const Redacted = "[redacted]"

// New returns a Text with that value, or the zero Text for "".
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{&value}
}

// Reveal returns the secret.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero reports whether there is no secret.
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

// Format implements fmt.Formatter. Without it, a verb that does not fit a text, such as %d, would print an address.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// MarshalText implements encoding.TextMarshaler, for JSON and YAML.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It refuses the printed form of a Text, because the secret itself
// is lost there.
func (t *Text) UnmarshalText(text []byte) error {
	if string(text) == Redacted {
		return errors.New("a secret that was printed as " + Redacted + " cannot be read back: give the secret itself")
	}
	*t = New(string(text))
	return nil
}
