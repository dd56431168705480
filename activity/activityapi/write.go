package activityapi

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"ordertally/activity"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// json turns what a handler returns into an answer.
func (a *API) json(handle func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := handle(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		answer, err := encode(body)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.send(w, r, answer)
	}
}

// shared turns what a handler returns about an activity into an answer, which equal questions share.
func (a *API) shared(handle func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		act, err := a.activity(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		answer, err := a.share(r, act, handle)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.send(w, r, answer)
	}
}

// send writes an answer when there is room for it.
func (a *API) send(w http.ResponseWriter, r *http.Request, answer *rendered) {
	release, err := a.answers.Take(r, len(answer.text))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	defer release()
	if answer.final {
		revalidate(w, r, answer)
		return
	}
	web.WriteJSON(w, http.StatusOK, answer.text)
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
func revalidate(w http.ResponseWriter, r *http.Request, answer *rendered) {
	web.BoundWriting(w, len(answer.text))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache") // a backdated order changes it
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", answer.tag)
	// Of the conditions that HTTP knows it looks at If-None-Match alone: an answer is whole, or the client has it.
	plain := r.Clone(r.Context())
	for _, condition := range []string{"Range", "If-Range", "If-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		plain.Header.Del(condition)
	}
	http.ServeContent(unranged{w}, plain, "", time.Time{}, bytes.NewReader(answer.text))
}

// unranged is a writer that does not offer ranges.
type unranged struct{ http.ResponseWriter }

func (w unranged) WriteHeader(status int) {
	w.Header().Del("Accept-Ranges")
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w unranged) Unwrap() http.ResponseWriter { return w.ResponseWriter }

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
	if errors.Is(err, web.ErrClientGone) || r.Context().Err() != nil {
		// cuts the connection: one that only stopped sending would take an empty answer for a success
		panic(http.ErrAbortHandler)
	}
	p, known := web.StorageProblem(err)
	if !known {
		p = problem.Internal()
	}
	a.failures.Log(r, p.Status, err)
	problem.Write(w, r, p)
}
