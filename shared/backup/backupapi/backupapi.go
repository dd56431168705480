// Package backupapi is the part of a service's HTTP API that answers with a backup. It writes nothing to the service's
// disk, and no request names a path there. Package backupverbs calls it.
package backupapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/backup"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

// Path is that of the route.
const Path = "/v1/backup"

const (
	statePath = Path + "/state"
	media     = "application/octet-stream"

	// patience is how long a client may take nothing.
	patience = time.Minute
)

// KindBusy is the answer while another backup is made.
var KindBusy = problem.Kind{Status: http.StatusConflict, Code: "backup_running",
	Says:     "Another backup of the service is being made.",
	Client:   "Wait until the other backup is made, then ask again.",
	Operator: "One backup is made at a time. A scheduled one may be under way.",
}

// API makes the routes.
type API struct {
	Running *backup.Running
	Logger  zerolog.Logger
}

// Routes returns the routes. wrap answers a handler's error, which is a problem.Problem or one that the client is not
// told.
func (a *API) Routes(wrap func(func(http.ResponseWriter, *http.Request) error) http.HandlerFunc) []web.Route {
	return []web.Route{
		{Method: http.MethodGet, Path: Path, Scope: auth.BackupRead, Handler: wrap(a.stream)},
		{Method: http.MethodGet, Path: statePath, Scope: auth.OpsRead, Handler: wrap(a.state)},
	}
}

// Operations describe the routes, by method and path.
func Operations() map[string]openapi.Operation {
	return map[string]openapi.Operation{
		"GET " + Path: {
			ID: "getBackup", Summary: "A backup of the whole database.",
			Description: "The file is whole only if the transfer ends without an error, and is to be verified: " +
				"`backup FILE` of the program does both. It holds all that the service knows, customers' data and " +
				"hashes " +
				"of API keys included.",
			Media: media, Answer: &openapi.Schema{Type: "string", Format: "binary", Description: "The backup."},
			AnswerHeaders: openapi.Fresh(), Problems: []problem.Kind{KindBusy},
		},
		"GET " + statePath: {
			ID: "getBackupState", Summary: "How the scheduled backups stand.",
			Answer: backup.ScheduledBackups{}, AnswerHeaders: openapi.Fresh(),
		},
	}
}

func (a *API) state(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	text, err := json.Marshal(a.Running.State())
	if err != nil {
		return fmt.Errorf("write the state of the backups: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text) // the client may have gone
	return nil
}

func (a *API) stream(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	body := &body{w: w, control: http.NewResponseController(w)}
	if r.Method == http.MethodHead {
		body.begin()
		return nil
	}
	var stop func()
	body.expired, body.revoked, stop = auth.FromContext(r.Context()).Ended()
	defer stop()
	err := a.Running.Stream(r.Context(), body)
	switch {
	case err == nil:
		a.Logger.Info().Str("caller", auth.FromContext(r.Context()).Actor()).Msg("a backup was sent")
		return nil
	case errors.Is(err, backup.ErrBusy):
		return KindBusy.New(err.Error())
	case !body.begun:
		return err
	}
	a.Logger.Error().Err(err).Msg("a backup was not sent to its end")
	panic(http.ErrAbortHandler) // cuts the connection, so that the client does not take it for whole
}

var errEnded = errors.New("the caller's credential has expired or was revoked")

// body begins the answer with its first byte. Each write gets a deadline of its own.
type body struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
	expired <-chan time.Time // of the caller's credential
	revoked <-chan struct{}
}

func (b *body) begin() {
	b.begun = true
	b.w.Header().Set("Content-Type", media)
	b.w.Header().Set("Cache-Control", "no-store")
}

// Write implements io.Writer.
func (b *body) Write(text []byte) (int, error) {
	if !b.begun {
		b.begin()
	}
	select {
	case <-b.expired:
		return 0, errEnded
	case <-b.revoked:
		return 0, errEnded
	default:
	}
	_ = b.control.SetWriteDeadline(time.Now().Add(patience)) // a test's writer may have no deadlines
	return b.w.Write(text)
}
