package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"ordertally/shared/web/problem"
)

// MaxBody is the limit of a request body for all APIs, in bytes.
const MaxBody = 1 << 20

// ErrClientGone says that the client disconnected before its request was complete. There is nobody to answer.
var ErrClientGone = errors.New("the client disconnected before its request was complete")

// A body up to drainFactor times the limit is read and thrown away before it is refused. A client that is still sending
// when the connection closes gets a reset and never reads the answer.
const drainFactor = 4

// ReadBody reads a JSON request's body, at most limit bytes. The error is a [problem.Problem] to answer with:
//
//   - 415 when Content-Type is missing or not application/json, or when the body has a Content-Encoding. Parameters
//     such as charset=utf-8 are ignored, because JSON is UTF-8.
//   - 413 over the limit. If Content-Length says so already, nothing is kept. Over four times the limit nothing is
//     read.
//   - 408 when the body did not arrive within the server's ReadTimeout.
//   - 400 when the body's framing is broken. It also wraps the reader's error.
//   - The problem that the body's reader returned, if it returned one.
//
// Otherwise the error wraps [ErrClientGone], and nothing need be written. An empty body is no error here; the decoder
// refuses it.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if err := checkMediaType(r.Header, typeJSON); err != nil {
		return nil, err
	}
	if r.ContentLength > limit {
		if r.ContentLength <= drainFactor*limit && r.Header.Get("Expect") == "" {
			_, _ = io.Copy(io.Discard, r.Body) // the answer is the same, however this ends
		}
		return nil, tooLarge(w, limit)
	}
	var buf bytes.Buffer
	// Content-Length is only a promise, so at most 64 KiB are allocated before anything has arrived.
	buf.Grow(int(min(max(r.ContentLength, 0), 64<<10)) + bytes.MinRead)
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return buf.Bytes(), nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(w, limit)
	}
	if p, ok := errors.AsType[problem.Problem](err); ok { // of the guard, whose credential may have ended meanwhile
		w.Header().Set("Connection", "close")
		return nil, p
	}
	if err = unread(r, err); !errors.Is(err, ErrClientGone) {
		w.Header().Set("Connection", "close")
	}
	return nil, err
}

// unread returns the error for a body that could not be read because of err.
func unread(r *http.Request, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem.KindRequestTimeout.New("The request's body did not arrive in time. Send it again.")
	}
	// net/http cancels the request's context when reading the connection fails, but not when the framing is wrong.
	if r.Context().Err() != nil {
		return fmt.Errorf("read request body: %w: %w", ErrClientGone, err)
	}
	return fmt.Errorf("%w %w", problem.KindBodyUnreadable.New("The request's body could not be read: "+err.Error()+
		"."), err)
}

const typeJSON = "application/json"

// checkMediaType refuses a body that is not of the type want, or is encoded.
func checkMediaType(h http.Header, want string) error {
	unsupported := func(detail string) error {
		return problem.KindUnsupportedMedia.New(detail)
	}
	types := h.Values("Content-Type")
	if len(types) == 0 || types[0] == "" {
		return unsupported("The request has no Content-Type. Send " + want + ".")
	}
	mediaType, err := types[0], error(nil)
	if mediaType != want {
		mediaType, _, err = mime.ParseMediaType(mediaType)
	}
	if len(types) > 1 || err != nil || mediaType != want {
		return unsupported("The request's Content-Type is not " + want + ".")
	}
	for _, encoding := range h.Values("Content-Encoding") {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return unsupported("The request's body has a Content-Encoding. Send it without one.")
		}
	}
	return nil
}

// tooLarge also closes the connection after the answer, because the rest of the body is not worth reading.
func tooLarge(w http.ResponseWriter, limit int64) error {
	w.Header().Set("Connection", "close")
	return largerThan(limit)
}

func largerThan(limit int64) problem.Problem {
	return problem.KindBodyTooLarge.New(fmt.Sprintf("The request's body is larger than %d bytes.", limit))
}
