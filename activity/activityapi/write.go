package activityapi

import (
	"errors"
	"net/http"

	"ordertally/activity"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// json turns the result of handle into an answer.
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

// shared turns the result of handle into an answer about an activity. Equal requests share it.
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

// send writes an answer if there is room for it.
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

// handle answers with the error of a handler that writes its own answers.
func (a *API) handle(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			a.fail(w, r, err)
		}
	}
}

// revalidate answers with a body that clients may keep and revalidate by its entity tag. It answers 304 if it is
// unchanged.
func revalidate(w http.ResponseWriter, r *http.Request, answer *rendered) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // a backdated order changes the answer
	h.Set("ETag", answer.tag)
	if web.Has(r, answer.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	web.WriteJSON(w, http.StatusOK, answer.text)
}

// fail answers with the problem that err stands for. It logs any other error, and hides it from the client.
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
		// This cuts the connection. If the handler only returned, the client would take the empty answer for a success.
		panic(http.ErrAbortHandler)
	}
	p, known := web.StorageProblem(err)
	if !known {
		p = problem.Internal()
	}
	a.failures.Log(r, p.Status, err)
	problem.Write(w, r, p)
}
