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
	"ordertally/shared/httpserver"
	"ordertally/shared/problem"
)

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
		release, err := a.answers.Take(r, len(text))
		if err != nil {
			a.fail(w, r, err)
			return
		}
		defer release()
		httpserver.BoundWriting(w, len(text))
		if final {
			revalidate(w, r, text)
			return
		}
		header(w, "application/json", len(text))
		_, _ = w.Write(text) // the only error is a client that has gone
	}
}

// handle renders the error of a handler that writes its own answer.
func (a *API) handle(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			a.fail(w, r, err)
		}
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
	// Of the conditions that HTTP knows it looks at If-None-Match alone: an answer is whole, or the client has it.
	plain := r.Clone(r.Context())
	for _, condition := range []string{"Range", "If-Range", "If-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		plain.Header.Del(condition)
	}
	http.ServeContent(unranged{w}, plain, "", time.Time{}, bytes.NewReader(text))
}

// unranged is a writer that does not offer ranges.
type unranged struct{ http.ResponseWriter }

func (w unranged) WriteHeader(status int) {
	w.Header().Del("Accept-Ranges")
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w unranged) Unwrap() http.ResponseWriter { return w.ResponseWriter }

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
	if refusal, ok := errors.AsType[*activity.Error](err); ok {
		problem.Write(w, r, refusals[refusal.Code].New(refusal.Detail))
		return
	}
	if errors.Is(err, httpserver.ErrClientGone) || r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // cuts the connection: one that only stopped sending would take an empty answer for a success
	}
	p := problem.Internal()
	if errors.Is(err, boltdb.ErrOutcomeUnknown) || errors.Is(err, boltdb.ErrClosed) {
		p = kindUnavailable.New("The statistics cannot be read now; ask again in a moment.")
	}
	a.failures.Log(r, p.Status, err)
	problem.Write(w, r, p)
}
