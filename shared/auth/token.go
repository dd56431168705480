package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxSubject is the longest subject of a token, in bytes; OpenID Connect allows 255.
const maxSubject = 255

// tokenTypes are the accepted values of typ, without "application/" in front (RFC 7515, RFC 9068). A token without typ
// is accepted too, because the header is optional and many issuers leave it out.
var tokenTypes = []string{"JWT", "at+jwt"}

// unambiguous refuses a token with a name twice in its header or claims, because readers differ in which one they take.
// It also refuses one of another type, such as a logout token. The signature was checked before.
func unambiguous(token string) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("it is malformed")
	}
	var header struct {
		Type *string `json:"typ"`
	}
	var claims jsontext.Value
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return errors.New("it is malformed")
		}
		err = json.Unmarshal(text, into) // refuses duplicate names at any depth
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return errors.New("its header or its claims have a name twice")
		case err != nil:
			return errors.New("it is malformed")
		}
	}
	if header.Type == nil {
		return nil
	}
	for _, known := range tokenTypes {
		if kind := strings.TrimPrefix(strings.ToLower(*header.Type), "application/"); kind == strings.ToLower(known) {
			return nil
		}
	}
	return fmt.Errorf("its type (typ) is neither %s", strings.Join(tokenTypes, " nor "))
}

// checkSubject refuses a subject that must not appear in logs and records.
func checkSubject(subject string) error {
	switch {
	case subject == "":
		return errors.New("it has no subject")
	case len(subject) > maxSubject:
		return fmt.Errorf("its subject has more than %d bytes", maxSubject)
	case !utf8.ValidString(subject),
		strings.ContainsFunc(subject, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return errors.New("its subject has control characters")
	}
	return nil
}
