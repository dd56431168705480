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

// Config is the settings by which a service knows its callers. The API keys are in the service's file.
type Config struct {
	// Accept tokens of this OpenID Connect issuer.
	OIDCIssuer string `name:"oidc-issuer" placeholder:"URL"`
	// The audience (aud) that the issuer's tokens must have.
	OIDCAudience string `name:"oidc-audience" placeholder:"NAME"`
	// Listen beyond loopback without a key and without an issuer, and answer to any host name. Everybody may do
	// everything.
	//
	// With a key or an issuer it changes nothing.
	AllowUnauthenticated bool `name:"allow-unauthenticated"`
}

// Validate refuses an issuer without an audience, and an audience without an issuer.
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

// ErrExposed says that everybody could use the service from anywhere.
var ErrExposed = errors.New("neither an API key nor an issuer is configured")

// Guard reads the keys in db and returns the guard for a service that listens on addr. The error wraps ErrExposed when
// it would let in everybody from anywhere. It says what to do, for which it needs program and data.
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

// Check returns the error that Guard would return for the file at data. It makes no file, and opens one only if its
// keys matter. The error is boltdb.ErrLocked if another process has the file: whether there is a key is then unknown.
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
