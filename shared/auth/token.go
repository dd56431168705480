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

// tokenTypes are the types of tokens that are taken, without "application/" in front (RFC 7515, RFC 9068). A token that
// does not say what it is is taken as well: the header is optional, and many issuers leave it out.
var tokenTypes = []string{"JWT", "at+jwt"}

// unambiguous refuses a token that others may read in another way, and one that was made for something else: with a
// name twice in its header or its claims, of which each reader takes the one or the other, or of a type such as that of
// a logout. Its signature has been checked.
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
		err = json.Unmarshal(text, into) // refuses a name that is there twice, at any depth
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return errors.New("a name is twice in its header or its claims")
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

// checkSubject refuses what cannot be whom a token is of: it stands in logs and records.
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
