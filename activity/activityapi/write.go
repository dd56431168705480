package activityapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/problem"
)

// statuses is the one table from the domain's codes to HTTP's.
var statuses = map[activity.Code]int{
	activity.CodeUnknownActivity: http.StatusNotFound,
	activity.CodeInvalidDay:      http.StatusBadRequest,
	activity.CodeInvalidZone:     http.StatusBadRequest,
	activity.CodeInvalidRange:    http.StatusBadRequest,
	activity.CodeRangeTooLong:    http.StatusBadRequest,
	activity.CodeOffQuarterHour:  http.StatusUnprocessableEntity,
}

// codeUnavailable is the code of a database that cannot be read now.
const codeUnavailable = "unavailable"

// json turns what a handler returns into an answer.
func (a *API) json(handle func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := handle(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		unchanging, final := body.(cacheable)
		if final {
			body = unchanging.body
		}
		text, err := json.Marshal(body)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		text = append(text, '\n')
		if final {
			revalidate(w, r, text)
			return
		}
		header(w, "application/json", len(text))
		_, _ = w.Write(text) // the only error is a client that has gone
	}
}

// revalidate answers with a body that may be kept and asked for again by its entity tag, or with 304 when it was.
func revalidate(w http.ResponseWriter, r *http.Request, text []byte) {
	digest := sha256.Sum256(text)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache") // a backdated order changes it
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", `"`+hex.EncodeToString(digest[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

func header(w http.ResponseWriter, contentType string, length int) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(length))
	h.Set("Cache-Control", "no-store") // the next order changes it
	h.Set("X-Content-Type-Options", "nosniff")
}

// fail answers with the problem that err is, or logs it and says nothing of it.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if p, ok := errors.AsType[problem.Problem](err); ok {
		problem.Write(w, r, p)
		return
	}
	if refused, ok := errors.AsType[*activity.Error](err); ok {
		problem.Write(w, r, problem.New(statuses[refused.Code], string(refused.Code), refused.Detail))
		return
	}
	if r.Context().Err() != nil {
		return // the client has gone
	}
	a.logger.Error().Err(err).Msg("cannot answer a request")
	if errors.Is(err, boltdb.ErrOutcomeUnknown) || errors.Is(err, boltdb.ErrClosed) {
		problem.Write(w, r, problem.New(http.StatusServiceUnavailable, codeUnavailable,
			"The statistics cannot be read now; ask again in a moment."))
		return
	}
	problem.Write(w, r, problem.Internal())
}
