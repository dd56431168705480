package keyverbs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"ordertally/client"
	"ordertally/client/access"
	"ordertally/shared/auth"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/settings"
)

// Service is the service whose keys the verbs manage.
type Service struct {
	Format      boltdb.Format // of its file; has the service's name
	KeyVariable string        // the environment variable with the credential to send
}

// common are the flags of every verb. They say where the keys are: with a running service or in a stopped one's file.
type common struct {
	// URL of the running service.
	Target       string `default:"${api_target}" setting:""`
	access.Flags `embed:"" group:"To reach the service:"`
	// Work on the database file of a stopped service instead of asking a running one, such as for the first key. keys
	// new makes the file if it is absent. Counts only on the command line, not as a setting for serve.
	Data string `placeholder:"FILE" typed:""`
}

// keeper manages the keys.
type keeper interface {
	// create makes a key that is valid for that long; 0 means for ever.
	create(ctx context.Context, name string, scopes []string, lasts time.Duration) (keyapi.CreatedKey, error)
	list(ctx context.Context) (keyapi.KeyList, error)
	revoke(ctx context.Context, id string) error
}

// with calls do with the keeper that the flags select. It makes a missing file only if create is set.
func (c *common) with(ctx context.Context, service *Service, create bool, do func(keeper) error) (err error) {
	if c.Data == "" {
		asked, err := c.Connect(client.Config{
			URL: c.Target, RetryFor: -1, Hint: "see --target; if the service is stopped, use --data with its file",
		}, access.Names{Target: "--target", Variable: service.KeyVariable})
		if err != nil {
			return err
		}
		defer asked.Close()
		return do(running{asked})
	}
	if _, err := os.Stat(c.Data); err != nil && !create {
		return settings.WithExitCode(fmt.Errorf("--data: %w", err), settings.ExitUsage)
	}
	db, err := boltdb.Open(c.Data, boltdb.Options{Format: service.Format})
	if errors.Is(err, boltdb.ErrLocked) {
		return fmt.Errorf("%w: the service is running: use --target instead of --data, or stop the service", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	keys, err := auth.OpenKeys(ctx, db, clock.System{})
	if err != nil {
		return err
	}
	return do(stopped{keys})
}

// stopped manages the keys in the file of a stopped service.
type stopped struct{ keys *auth.Keys }

func (s stopped) create(
	ctx context.Context,
	name string,
	scopes []string,
	lasts time.Duration,
) (keyapi.CreatedKey, error) {
	var expires time.Time
	if lasts > 0 {
		expires = time.Now().Add(lasts)
	}
	key, credential, err := s.keys.New(ctx, name, scopes, expires)
	if err != nil {
		return keyapi.CreatedKey{}, err
	}
	return keyapi.CreatedOf(&key, credential), nil
}

func (s stopped) list(context.Context) (keyapi.KeyList, error) {
	return keyapi.ListOf(s.keys.List(), s.keys.Now()), nil
}

func (s stopped) revoke(ctx context.Context, id string) error {
	_, err := s.keys.Revoke(ctx, id)
	return err
}

// running calls a running service.
type running struct{ client *client.Client }

// newKey is the body of a request for a key.
type newKey struct {
	Name         string   `json:"name"`
	Scopes       []string `json:"scopes"`
	ExpiresIn    int64    `json:"expires_in,omitzero"` // seconds
	NeverExpires bool     `json:"never_expires,omitzero"`
}

func (r running) create(
	ctx context.Context, name string, scopes []string, lasts time.Duration,
) (keyapi.CreatedKey, error) {
	request := client.NewRequest(http.MethodPost, http.StatusCreated, "/v1/keys")
	request.Body = newKey{name, scopes, int64(lasts / time.Second), lasts <= 0}
	answer, err := client.Do[keyapi.CreatedKey](ctx, r.client, request)
	if err == nil && (answer.Value.ID == "" || answer.Value.Key == "") {
		err = fmt.Errorf("%s returned no key (see --target)", r.client.URL())
	}
	return answer.Value, err
}

func (r running) list(ctx context.Context) (keyapi.KeyList, error) {
	request := client.NewRequest(http.MethodGet, http.StatusOK, "/v1/keys")
	answer, err := client.Do[keyapi.KeyList](ctx, r.client, request)
	return answer.Value, err
}

func (r running) revoke(ctx context.Context, id string) error {
	if id == "" || id == "." || id == ".." {
		return auth.ErrNoKey // a path would mean something else
	}
	request := client.NewRequest(http.MethodDelete, http.StatusNoContent, "/v1/keys/%s", id)
	_, err := client.Do[struct{}](ctx, r.client, request)
	return err
}
