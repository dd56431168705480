package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
)

// Config is how a service knows its callers. The tags make it flags of its serve command. API keys are not here: they
// are in the service's file.
type Config struct {
	// OIDCIssuer is the URL of an OpenID Connect issuer whose tokens are accepted. Default none.
	OIDCIssuer string `help:"Accept tokens of this OpenID Connect issuer." name:"oidc-issuer" placeholder:"URL"`
	// OIDCAudience is what the tokens must be made for.
	OIDCAudience string `help:"What the issuer's tokens must be made for (their aud)." name:"oidc-audience" placeholder:"NAME"`
	// AllowUnauthenticated lets the service listen beyond loopback though neither a key nor an issuer is configured. It
	// changes nothing when one is.
	AllowUnauthenticated bool `help:"Listen beyond loopback, and answer whatever name it is called by, though neither a key nor an issuer is configured: everybody may do everything." name:"allow-unauthenticated"`
}

// Validate refuses an issuer without an audience, and the other way round.
func (c *Config) Validate(prefix string) error {
	if c.OIDCIssuer == "" {
		if c.OIDCAudience != "" {
			return fmt.Errorf("%soidc-audience: %[1]soidc-issuer is needed with it", prefix)
		}
		return nil
	}
	_, err := NewIssuer(c.OIDCIssuer, c.OIDCAudience, clock.System{})
	return err
}

// ErrExposed is a service that everybody could use from anywhere.
var ErrExposed = errors.New("neither an API key nor an issuer is configured")

// Guard reads the keys in db and returns what lets requests in at that address. program and data are for the remedies
// that the error names; it wraps ErrExposed when nobody would be kept out.
func (c *Config) Guard(ctx context.Context, db *boltdb.DB, addr, program, data string) (*Guard, error) {
	keys, err := OpenKeys(ctx, db, clock.System{})
	if err != nil {
		return nil, err
	}
	guard := &Guard{Keys: keys}
	if c.OIDCIssuer != "" {
		if guard.Issuer, err = NewIssuer(c.OIDCIssuer, c.OIDCAudience, clock.System{}); err != nil {
			return nil, err
		}
	}
	if guard.Closed() || c.AllowUnauthenticated || loopback(addr) {
		return guard, nil
	}
	return nil, exposed(addr, program, data)
}

func exposed(addr, program, data string) error {
	return fmt.Errorf("auth: other machines can reach %s, and %w: make a key with `%s keys new NAME --scopes "+
		"SCOPE,... --data %s`, "+
		"or set --oidc-issuer and --oidc-audience, or listen on 127.0.0.1; --allow-unauthenticated lets everybody in",
		addr, ErrExposed, program, data)
}

// Check says what Guard would, of the file at data as it is. It makes none, and opens it only when a key in it decides.
// The error is boltdb.ErrLocked when another process has the file: whether there is a key is not known then.
func (c *Config) Check(ctx context.Context, addr string, format boltdb.Format, data string) (err error) {
	if c.OIDCIssuer != "" || c.AllowUnauthenticated || loopback(addr) {
		return nil
	}
	if info, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return exposed(addr, format.Service, data) // opening would make the database
	}
	db, err := boltdb.Open(data, boltdb.Options{Format: format})
	if err != nil {
		return fmt.Errorf("auth: look for a key: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = c.Guard(ctx, db, addr, format.Service, data)
	return err
}
