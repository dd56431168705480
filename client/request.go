package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/shared/settings/secret"
)

// Request is one call of an API.
type Request struct {
	// Body is sent as JSON. nil sends none.
	Body any

	method string
	want   int // the status of a success
	path   string
	query  url.Values
	header http.Header
}

// NewRequest returns a request for a path whose success has that status. Each %s of the path stands for one of parts.
func NewRequest(method string, want int, path string, parts ...string) *Request {
	escaped := make([]any, len(parts))
	for i, part := range parts {
		escaped[i] = url.PathEscape(part)
	}
	return &Request{
		method: method, want: want, path: fmt.Sprintf(path, escaped...), query: url.Values{}, header: http.Header{},
	}
}

// Query adds a parameter to the query, unless its value is zero.
func (r *Request) Query(name string, value any) *Request {
	if text := parameter(value); text != "" {
		r.query.Set(name, text)
	}
	return r
}

// Header sets a header, unless its value is zero.
func (r *Request) Header(name string, value any) *Request {
	if text := parameter(value); text != "" {
		r.header.Set(name, text)
	}
	return r
}

// parameter writes a value; "" is a zero one.
func parameter(value any) string {
	if reflect.ValueOf(value).IsZero() {
		return ""
	}
	if at, ok := value.(time.Time); ok {
		return at.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(value)
}

// repeatable reports whether the request may be sent twice.
func (r *Request) repeatable() bool {
	return r.method == http.MethodGet || r.header.Get("Idempotency-Key") != ""
}

// Do sends the request and reads the answer. It makes attempts until one is decided.
func Do[T any](ctx context.Context, c *Client, r *Request) (Answer[T], error) {
	raw, err := c.send(ctx, r)
	if err != nil {
		return Answer[T]{}, err
	}
	a := Answer[T]{Status: raw.status, Header: raw.header, Raw: raw.body}
	if raw.status == http.StatusNoContent || raw.status == http.StatusNotModified {
		return a, nil
	}
	if err := raw.needJSON(); err != nil {
		return Answer[T]{}, c.unexpected(raw, err)
	}
	if err := json.Unmarshal(raw.body, &a.Value); err != nil {
		return Answer[T]{}, c.unexpected(raw, err)
	}
	return a, nil
}

// Ask sends a request once whose path and query are not known here, and returns the body of a 200, to be closed. The
// path is escaped already. The answer must begin within AttemptTimeout; how long it goes on is for ctx to bound.
func (c *Client) Ask(ctx context.Context, method, path string, query url.Values, body any) (io.ReadCloser, error) {
	r := &Request{Body: body, method: method, want: http.StatusOK, path: path, query: query}
	text, err := r.text()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(c.config.AttemptTimeout, cancel)
	response, err := c.open(ctx, r, bytes.NewReader(text), typeOf(text)) //nolint:bodyclose // streamed closes it
	late.Stop()
	if err != nil {
		cancel()
		return nil, err
	}
	answer := &streamed{response.Body, cancel}
	if response.StatusCode == r.want {
		return answer, nil
	}
	defer func() { _ = answer.Close() }()
	raw, err := c.readAll(response)
	if err != nil {
		return nil, err
	}
	return nil, c.refusal(raw)
}

// streamed is a body whose request ends when it is closed.
type streamed struct {
	io.ReadCloser
	end context.CancelFunc
}

// Close implements io.Closer.
func (s *streamed) Close() error {
	defer s.end()
	return s.ReadCloser.Close()
}

// text returns the body, nil for none.
func (r *Request) text() ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	text, err := json.Marshal(r.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return text, nil
}

// typeOf is the media type of a body, "" for none.
func typeOf(body []byte) string {
	if body == nil {
		return ""
	}
	return "application/json"
}

// open sends the request once, with a body of that media type. Without one the body is empty.
func (c *Client) open(ctx context.Context, r *Request, body io.Reader, media string) (*http.Response, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, secret.Cause(err))
	}
	for name := range r.header {
		request.Header.Set(name, r.header.Get(name))
	}
	request.Header.Set("User-Agent", c.config.UserAgent)
	if media != "" {
		request.Header.Set("Content-Type", media)
	}
	if key := c.config.Credential.Reveal(); key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.hinted(fmt.Errorf("%s does not answer: %w", c.URL(), secret.Cause(err)))
	}
	return response, nil
}

// maxAnswer bounds an answer, in bytes. A page of 200 of the largest messages, in base64, is less.
const maxAnswer = 1 << 30

var errTooLong = errors.New("it is larger than 1 GiB")

func (c *Client) readAll(response *http.Response) (*rawAnswer, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errTooLong
	}
	if err != nil {
		return nil, c.hinted(fmt.Errorf("read the answer of %s: %w", c.URL(), err))
	}
	return &rawAnswer{status: response.StatusCode, header: response.Header, body: body}, nil
}

func (c *Client) hinted(err error) error {
	if c.config.Hint == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, c.config.Hint)
}
