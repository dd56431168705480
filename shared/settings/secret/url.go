package secret

import (
	"errors"
	"net/url"
	"strings"
)

// URL returns a URL as it may be shown: with xxxxx for the password in it, or for a name without a password, which may
// be a token. What is no URL, or has an @ elsewhere, which a password may begin before, is Redacted.
func URL(text string) string {
	if !strings.Contains(text, "@") && !strings.Contains(text, "%40") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.User == nil || strings.Contains(u.Opaque+u.Host+u.Path+u.RawQuery+u.Fragment, "@") {
		return Redacted
	}
	if _, given := u.User.Password(); !given {
		u.User = url.User("xxxxx")
	}
	return u.Redacted()
}

// Cause returns an error of a request without the URL that net/http wraps it with: it blanks a password there, not a
// token in place of a name.
func Cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
