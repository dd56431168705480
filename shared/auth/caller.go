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
	// ID tells callers apart: 32 hexadecimal digits, "" for anonymous ones. Keys with the same name have the same ID,
	// and so have all tokens of one subject.
	ID string
	// Until is when the credential expires; zero for never. A live stream ends then.
	Until time.Time

	scopes  []string
	key     string        // the id of the API key; "" without one
	revoked chan struct{} // closed when the key is revoked; nil without one
}

// Anonymous is the caller where nobody needs a credential. They may do everything.
var Anonymous = &Caller{Kind: "anonymous", scopes: Scopes()}

func newCaller(kind, name string, scopes []string) *Caller {
	id := sha256.Sum256([]byte(kind + "\x00" + name))
	return &Caller{Kind: kind, Name: name, ID: hex.EncodeToString(id[:16]), scopes: scopes}
}

// Actor names the caller in audit entries, as KIND:NAME; "" if anonymous.
func (c *Caller) Actor() string {
	if c.ID == "" {
		return ""
	}
	return c.Kind + ":" + c.Name
}

// May reports whether the caller has that scope.
func (c *Caller) May(scope string) bool { return slices.Contains(c.scopes, scope) }

type callerKey struct{}

// FromContext returns the caller of the request with that context. On a Public route, or without a Guard, it is an
// anonymous caller who may do nothing.
func FromContext(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	return &Caller{Kind: "anonymous"}
}

// Ended returns two channels. The first receives when the credential expires, the second is closed when it is revoked.
// A credential that cannot expire or be revoked never signals. A token that its issuer withdraws ends when it expires.
// The caller must call stop.
func (c *Caller) Ended() (expired <-chan time.Time, revoked <-chan struct{}, stop func()) {
	if c.Until.IsZero() {
		return nil, c.revoked, func() {}
	}
	timer := time.NewTimer(time.Until(c.Until))
	return timer.C, c.revoked, func() { timer.Stop() }
}

// over returns why the credential is no longer valid at that time; nil if it is valid.
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

// revoke ends the caller's live streams. The committer calls it, maybe more than once.
func (c *Caller) revoke() {
	select {
	case <-c.revoked:
	default:
		close(c.revoked)
	}
}
