package secret

import (
	"errors"
	"net/url"
	"strings"
)

// URL returns a URL that is safe to show. xxxxx replaces the password, or a user name without a password, because that
// may be a token. A text that is not a URL is Redacted. So is one with an @ elsewhere, because a password may come
// before it.
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

// Cause returns the error of a request without the URL that net/http adds. net/http hides a password in it, but not a
// token in place of a user name.
func Cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
