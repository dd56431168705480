package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// JSON answers 200 with value. If there is no room for the answer, the error is a 503 problem and nothing was written.
func (a *Answers) JSON(w http.ResponseWriter, r *http.Request, value any) error {
	body, err := marshal(value)
	if err != nil {
		return err
	}
	return a.Write(w, r, body)
}

// InTurn is JSON for a value whose size is not known before it is made. It makes the value in a [Answers.Turn].
func (a *Answers) InTurn(w http.ResponseWriter, r *http.Request, build func() (any, error)) error {
	end, err := a.Turn(r)
	if err != nil {
		return err
	}
	value, err := build()
	var body []byte
	if err == nil {
		body, err = marshal(value)
	}
	end()
	if err != nil {
		return err
	}
	return a.Write(w, r, body)
}

func marshal(value any) ([]byte, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // the answer is JSON, sent with nosniff
	err := encoder.Encode(value)
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), err
}

// Write answers 200 with finished JSON. If it returns an error, nothing was written.
func (a *Answers) Write(w http.ResponseWriter, r *http.Request, body []byte) error {
	release, err := a.Take(r, len(body))
	if err != nil {
		return err
	}
	defer release()
	WriteJSON(w, http.StatusOK, body)
	return nil
}

// WriteJSON answers with JSON. Nobody may cache it, unless the header has another Cache-Control already. A client that
// has disconnected is no error.
func WriteJSON(w http.ResponseWriter, status int, body []byte) {
	BoundWriting(w, len(body))
	header := w.Header()
	header["Content-Type"], header["X-Content-Type-Options"] = jsonType, noSniff
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if header.Get("Cache-Control") == "" {
		header["Cache-Control"] = noStore
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // #nosec G705 -- JSON, sent with nosniff
}

// Values of header fields that every answer has. Nobody changes them.
var jsonType, noSniff, noStore = []string{typeJSON}, []string{"nosniff"}, []string{"no-store"}

// Has reports whether the client says that it has the representation with that strong entity tag (If-None-Match).
func Has(r *http.Request, tag string) bool {
	for had := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if had = strings.TrimPrefix(strings.TrimSpace(had), "W/"); had == tag || had == "*" {
			return true
		}
	}
	return false
}
