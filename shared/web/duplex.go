package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"ordertally/shared/web/problem"
)

// ErrStopping says that a body was not read to its end because the service stops.
var ErrStopping = errors.New("the service is stopping")

// readGrace is the ReadTimeout of a request that no Server of this package serves.
const readGrace = 30 * time.Second

type readTimeoutKey struct{}

// Duplex is a request whose answer is written while its body is still read. One goroutine may read while another one
// writes.
//
// Only the time in which the service waits for the client counts against the client. It may keep a read waiting for the
// server's ReadTimeout in all, and a write for 5 s. Each byte that it sends or takes gives it the time of one at
// 128 KiB/s, up to these times again. Nothing is read while nobody calls Read, so a service that is behind slows down
// the client.
type Duplex struct {
	r                *http.Request
	w                http.ResponseWriter
	control          *http.ResponseController
	limit, left      int64 // of the body, in bytes
	reading, writing patience

	ctx      context.Context //nolint:containedctx // of one request
	end      context.CancelFunc
	watching sync.WaitGroup
}

// OpenDuplex begins to read a body of that media type, of at most limit bytes. The error is a problem: 415 or 413, as
// ReadBody has them. The caller must call Close.
func OpenDuplex(w http.ResponseWriter, r *http.Request, mediaType string, limit int64) (*Duplex, error) {
	if err := checkMediaType(r.Header, mediaType); err != nil {
		return nil, err
	}
	if r.ContentLength > limit {
		return nil, tooLarge(w, limit)
	}
	d := &Duplex{r: r, w: w, control: http.NewResponseController(w), limit: limit, left: limit}
	d.ctx, d.end = context.WithCancel(context.WithoutCancel(r.Context()))
	grace, ok := r.Context().Value(readTimeoutKey{}).(time.Duration)
	if !ok || grace <= 0 {
		grace = readGrace
	}
	d.reading, d.writing = newPatience(grace, d.control.SetReadDeadline),
		newPatience(writeGrace, d.control.SetWriteDeadline)
	_ = d.control.EnableFullDuplex() // fails with the writers of some tests only
	d.watching.Go(func() {
		select {
		case <-Draining(r.Context()):
			_ = d.control.SetReadDeadline(time.Unix(1, 0)) // ends a Read that waits
			d.end()
		case <-d.ctx.Done():
		}
	})
	return d, nil
}

// Close ends the use of d. It does not close the request.
func (d *Duplex) Close() {
	d.end()
	d.watching.Wait()
}

// Context ends when the service begins to stop, and with Close. Whoever reads must then stop waiting. It does not end
// when the client disconnects, because what has arrived may go on.
func (d *Duplex) Context() context.Context { return d.ctx }

// Read implements io.Reader. Besides io.EOF, its errors are a problem to answer with (of ReadBody, or the one that the
// body's reader returned), ErrClientGone, and ErrStopping.
func (d *Duplex) Read(p []byte) (int, error) {
	began := time.Now()
	d.reading.begin(began)
	if d.stopping() { // after the deadline was set, so that it cannot replace the one of a stop
		return 0, ErrStopping
	}
	n, err := d.r.Body.Read(p)
	d.reading.end(time.Since(began), n)
	if d.left -= int64(n); d.left < 0 {
		n += int(d.left)
		d.left = 0
		return n, largerThan(d.limit)
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		_ = d.control.SetReadDeadline(time.Time{}) // net/http goes on reading, to learn when the client disconnects
		return n, io.EOF
	case d.stopping():
		return n, ErrStopping
	}
	if p, ok := errors.AsType[problem.Problem](err); ok {
		return n, p
	}
	return n, unread(d.r, err)
}

// Write sends p at once. It implements io.Writer.
func (d *Duplex) Write(p []byte) (int, error) {
	began := time.Now()
	d.writing.begin(began)
	n, err := d.w.Write(p)
	if err == nil {
		err = d.control.Flush()
	}
	d.writing.end(time.Since(began), n)
	return n, err
}

func (d *Duplex) stopping() bool {
	select {
	case <-Draining(d.r.Context()):
		return true
	default:
		return false
	}
}

// patience is how long a client may still keep one direction of a Duplex waiting.
type patience struct {
	left, most time.Duration
	limit      func(time.Time) error
	until      time.Time // the deadline that is set
}

func newPatience(most time.Duration, limit func(time.Time) error) patience {
	return patience{left: most, most: most, limit: limit}
}

// begin sets the deadline of a read or write. One that is set already, and less than most/16 too early, is kept,
// because setting it costs more than reading a line.
func (p *patience) begin(now time.Time) {
	if want := now.Add(p.left); want.Sub(p.until) > p.most/16 {
		p.until = want
		_ = p.limit(want) // fails with the writers of some tests only
	}
}

// end counts the time that a read or write took, and the bytes.
func (p *patience) end(took time.Duration, bytes int) {
	p.left = min(p.left-took+time.Duration(bytes)*time.Second/leastRate, p.most)
}
