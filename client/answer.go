package client

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"

	"ordertally/shared/web/problem"
)

// Answer is a success.
type Answer[T any] struct {
	Value  T // zero when there is no content, or it is not modified
	Status int
	Header http.Header
	Raw    []byte // the body as the service wrote it
}

// Replayed reports whether an earlier request did what this one asked for: it had the same Idempotency-Key, or placed
// an order of the same source and reference.
func (a *Answer[T]) Replayed() bool { return a.Header.Get("Idempotent-Replayed") == "true" }

// NotModified reports whether the answer with the given entity tag still holds. Value is zero then.
func (a *Answer[T]) NotModified() bool { return a.Status == http.StatusNotModified }

// UnexpectedAnswer is an answer that the service does not give: it comes from a proxy, or from another service.
type UnexpectedAnswer struct {
	Status      int
	ContentType string
	url         string // of the service that was meant, without a password
	hint        string
	cause       error // why a success could not be read
}

// Error names the service that was meant, status and content type.
func (u *UnexpectedAnswer) Error() string {
	text := fmt.Sprintf("%s answered %d of type %.80q, which is not an answer of the service", u.url, u.Status,
		u.ContentType)
	if u.cause != nil {
		text += ": " + u.cause.Error()
	}
	if u.hint != "" {
		text += "; " + u.hint
	}
	return text
}

// Unwrap returns why a success could not be read, or nil.
func (u *UnexpectedAnswer) Unwrap() error { return u.cause }

// HasCode reports whether err is a [Problem] with one of the codes.
func HasCode[Code ~string](err error, codes ...Code) bool {
	p, refused := errors.AsType[Problem](err)
	return refused && slices.Contains(codes, Code(p.Code))
}

// rawAnswer is a whole answer in memory.
type rawAnswer struct {
	status int
	header http.Header
	body   []byte
}

func (a *rawAnswer) succeeds(r *Request) bool {
	return a.status == r.want || a.status == http.StatusNotModified && r.header.Get("If-None-Match") != ""
}

func (a *rawAnswer) mediaType() string {
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	return media
}

func (a *rawAnswer) needJSON() error {
	if a.mediaType() != "application/json" {
		return errors.New("want application/json")
	}
	return nil
}

// refusal is the error of an answer that is no success.
func (c *Client) refusal(a *rawAnswer) error {
	var p Problem
	isProblem := a.mediaType() == problem.ContentType && a.status >= http.StatusBadRequest
	if !isProblem || json.Unmarshal(a.body, &p) != nil || p.Code == "" {
		return c.unexpected(a, nil)
	}
	p.Status, p.RetryAfter = a.status, a.retryAfter()
	if a.status == http.StatusUnauthorized && c.config.KeyHint != "" {
		return fmt.Errorf("%w %s", p, c.config.KeyHint)
	}
	return p
}

func (c *Client) unexpected(a *rawAnswer, cause error) error {
	return &UnexpectedAnswer{
		Status: a.status, ContentType: a.header.Get("Content-Type"), url: c.URL(), hint: c.config.Hint, cause: cause,
	}
}

// open is a struct with members of any name beside its own.
type open[T, V any] struct {
	Named T            `json:",embed"`
	Rest  map[string]V `json:",embed"`
}

// UnmarshalOpen reads an object into named, and what named has no field for into rest. Generated types call it.
func UnmarshalOpen[T, V any](text []byte, named *T, rest *map[string]V) error {
	var o open[T, V]
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	*named, *rest = o.Named, o.Rest
	return nil
}

// MarshalOpen writes named and rest as one object. Generated types call it.
func MarshalOpen[T, V any](named T, rest map[string]V) ([]byte, error) {
	return json.Marshal(open[T, V]{Named: named, Rest: rest})
}
