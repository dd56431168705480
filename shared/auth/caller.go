package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

// Caller is who sent a request.
type Caller struct {
	// Kind is "key", "token" (of an issuer) or "anonymous".
	Kind string
	// Name is the key's name, or the token's subject. For logs.
	Name string
	// ID tells callers apart: 32 hexadecimal digits, "" for anonymous ones. Keys of one name have one ID, and so does
	// an issuer's subject, whatever credential it sends.
	ID string
	// Until is when the credential expires; zero for never. What goes on beyond a request, such as a stream, ends then.
	Until time.Time

	scopes  []string
	key     string        // the id of the API key; "" for who has none
	revoked chan struct{} // closed when the key is revoked; nil for who has none
}

// Anonymous is everybody, where nobody needs a credential.
var Anonymous = &Caller{Kind: "anonymous", scopes: Scopes()}

func newCaller(kind, name string, scopes []string) *Caller {
	id := sha256.Sum256([]byte(kind + "\x00" + name))
	return &Caller{Kind: kind, Name: name, ID: hex.EncodeToString(id[:16]), scopes: scopes}
}

// Actor names the caller in the record of an act, by kind and name; "" for anonymous ones.
func (c *Caller) Actor() string {
	if c.ID == "" {
		return ""
	}
	return c.Kind + ":" + c.Name
}

// May reports whether the caller has that scope.
func (c *Caller) May(scope string) bool { return slices.Contains(c.scopes, scope) }

type callerKey struct{}

// FromContext returns who sent the request whose context ctx is. Behind a route that is Public, or that no Guard
// protects, it is a caller without a name who may do nothing.
func FromContext(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	return &Caller{Kind: "anonymous"}
}

// Ended returns two channels: one receives when the credential expires, the other is closed when it is revoked. A
// credential that cannot expire or be revoked never signals. The caller must call stop. A token that its issuer
// withdraws ends when it expires.
func (c *Caller) Ended() (expired <-chan time.Time, revoked <-chan struct{}, stop func()) {
	if c.Until.IsZero() {
		return nil, c.revoked, func() {}
	}
	timer := time.NewTimer(time.Until(c.Until))
	return timer.C, c.revoked, func() { timer.Stop() }
}

// over says why the caller may do nothing any more at that time, nil when they may.
func (c *Caller) over(now time.Time) error {
	select {
	case <-c.revoked:
		return errRevoked
	default:
	}
	if !c.Until.IsZero() && !now.Before(c.Until) {
		return errExpired
	}
	return nil
}

var (
	errRevoked = errors.New("the API key is revoked")
	errExpired = errors.New("the credential has expired")
)

// revoke tells whoever serves the caller without end. The committer calls it, once or more.
func (c *Caller) revoke() {
	select {
	case <-c.revoked:
	default:
		close(c.revoked)
	}
}
