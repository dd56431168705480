package keyverbs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"ordertally/shared/auth"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/settings"
	"ordertally/shared/settings/secret"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/web/problem"
)

// Service is the program that the verbs are of.
type Service struct {
	Format      boltdb.Format // of its file; it names the service
	KeyVariable string        // the environment variable that holds the credential to send
}

// place is where the keys are: with a running service, or in the file of a stopped one.
type place struct {
	Target string `default:"${api_target}" help:"URL of the running service."`
	auth.Credential
	TLS    tlsfiles.ClientConfig `embed:""`
	Data   string                `help:"Work on the database file of a stopped service instead of asking a running one, such as for the first key. keys new makes the file if it is absent. Counts only on the command line, not as a setting for serve." placeholder:"FILE"`
	Output string                `default:"table" enum:"table,json,ndjson" help:"Output format: table, json or ndjson." short:"o"`
}

// typed drops a file that is named for serve, by the environment or the settings file: who asks for the keys means the
// service that runs on it.
func (p *place) typed(sources *settings.Sources, k *kong.Context) {
	if !sources.Typed(k, "data") {
		p.Data = ""
	}
}

// keeper has the keys.
type keeper interface {
	// create makes a key that is good for so long; 0 is for ever.
	create(ctx context.Context, name string, scopes []string, lasts time.Duration) (keyapi.CreatedKey, error)
	list(ctx context.Context) (keyapi.KeyList, error)
	revoke(ctx context.Context, id string) error
}

// with calls do with whoever has the keys. A file that is absent is made only when that is meant.
func (p *place) with(ctx context.Context, service *Service, create bool, do func(keeper) error) (err error) {
	if p.Data == "" {
		r, err := p.remote(service)
		if err != nil {
			return settings.WithExitCode(err, settings.ExitUsage)
		}
		defer r.client.CloseIdleConnections()
		return do(r)
	}
	if _, err := os.Stat(p.Data); err != nil && !create {
		return settings.WithExitCode(fmt.Errorf("--data: %w", err), settings.ExitUsage)
	}
	db, err := boltdb.Open(p.Data, boltdb.Options{Format: service.Format})
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

// stopped keeps the keys in a file.
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

// running asks a service.
type running struct {
	service    string
	base       *url.URL
	credential secret.Text
	client     *http.Client
}

const (
	answerTimeout = 30 * time.Second
	maxAnswer     = 4 << 20 // MaxKeys keys are less
)

func (p *place) remote(service *Service) (*running, error) {
	base, err := url.Parse(p.Target)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" ||
		base.Fragment != "" {
		return nil, fmt.Errorf("--target: %q is not a URL such as http://127.0.0.1:8080", secret.URL(p.Target))
	}
	token, err := p.Token(service.KeyVariable)
	if err != nil {
		return nil, err
	}
	transport, err := p.TLS.Transport("")
	if err != nil {
		return nil, err
	}
	// A redirect could take the credential elsewhere.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &running{
		service.Format.Service,
		base,
		token,
		&http.Client{Transport: transport, Timeout: answerTimeout, CheckRedirect: stay},
	}, nil
}

// ask sends a request and reads the answer of that status into value, nil for none. A refusal is a problem.Problem.
func (r *running) ask(ctx context.Context, method, id string, body any, status int, value any) error {
	target := r.base.JoinPath("v1/keys")
	if id != "" {
		target = r.base.JoinPath("v1/keys", url.PathEscape(id)) // #nosec G125 -- escaped
	}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), content)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	auth.SetBearer(request, r.credential.Reveal())
	response, err := r.client.Do(request)
	if err != nil {
		return fmt.Errorf(
			"the %s service does not answer at %s (see --target; if it is stopped, use --data with its file): %w",
			r.service,
			secret.URL(r.base.String()),
			secret.Cause(err),
		)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	if response.StatusCode == status && (value == nil || json.Unmarshal(text, value) == nil) {
		return nil
	}
	var p problem.Problem
	if response.StatusCode >= 400 && json.Unmarshal(text, &p) == nil && p.Code != "" {
		p.Status = response.StatusCode
		return p
	}
	return fmt.Errorf(
		"%s answered %s, which is not an answer of the %s service (see --target)",
		secret.URL(target.String()),
		response.Status,
		r.service,
	)
}

func (r *running) create(
	ctx context.Context,
	name string,
	scopes []string,
	lasts time.Duration,
) (key keyapi.CreatedKey, err error) {
	body := map[string]any{"name": name, "scopes": scopes}
	if lasts > 0 {
		body["expires_in"] = int64(lasts / time.Second)
	} else {
		body["never_expires"] = true
	}
	err = r.ask(ctx, http.MethodPost, "", body, http.StatusCreated, &key)
	if err == nil && (key.ID == "" || key.Key == "") {
		err = fmt.Errorf(
			"%s returned no key: is it the %s service (see --target)?",
			secret.URL(r.base.String()),
			r.service,
		)
	}
	return key, err
}

func (r *running) list(ctx context.Context) (list keyapi.KeyList, err error) {
	err = r.ask(ctx, http.MethodGet, "", nil, http.StatusOK, &list)
	return list, err
}

func (r *running) revoke(ctx context.Context, id string) error {
	if id == "" || id == "." || id == ".." {
		return auth.ErrNoKey // a path would mean something else
	}
	return r.ask(ctx, http.MethodDelete, id, nil, http.StatusNoContent, nil)
}
