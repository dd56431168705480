package web

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"ordertally/shared/service/fairshare"
	"ordertally/shared/web/problem"
)

const (
	// smallAnswer is up to what size answers are not counted: the kernel takes them from the program. Those of HTTP/2
	// wait in the program, and only tiny ones are not counted.
	smallAnswer = 64 << 10
	// answersRoom is how many bytes of larger answers may be under way, and answersShare how many to one client.
	answersRoom, answersShare = 64 << 20, 16 << 20
	// pagesMade is how many pages may be made at once, and pagesShare how many for one client.
	pagesMade, pagesShare = 8, 4
	// turnPatience is how long a request waits until its page may be made.
	turnPatience = time.Second
	// tinyAnswer is up to what size an answer fits into a connection's buffer in the kernel.
	tinyAnswer = 8 << 10
	// leastRate is how many bytes a second a client must take of its answer, after writeGrace.
	leastRate  = 128 << 10
	writeGrace = 5 * time.Second
)

// CodeOverloaded is the code of the problems of a service that cannot do all at once that it is asked for.
const CodeOverloaded = "overloaded"

// KindOverloaded is the problem of a request whose answer has no room.
var KindOverloaded = problem.Kind{
	Status: http.StatusServiceUnavailable, Code: CodeOverloaded,
	Says: "Too many large answers are made, or held for clients that read slowly. Repeat after Retry-After, or ask " +
		"for less.",
}

// Answers bounds the memory of the large answers of one API: whoever asks for many and reads none can take neither the
// memory of the service nor more than a share of what large answers may have. It is safe for concurrent use.
type Answers struct{ room, turns *fairshare.Room }

// NewAnswers returns one with room for 64 MiB, 16 of them for one client.
func NewAnswers() *Answers {
	return &Answers{room: fairshare.New(answersRoom, answersShare), turns: fairshare.New(pagesMade, pagesShare)}
}

// Take takes room for an answer that is made already; the error is a 503 problem. release must be called once the
// answer is written.
func (a *Answers) Take(r *http.Request, bytes int) (release func(), err error) {
	if bytes <= tinyAnswer || bytes <= smallAnswer && r.ProtoMajor < 2 {
		return func() {}, nil
	}
	client := Client(r)
	if !a.room.TryAcquire(client, int64(bytes)) {
		return nil, KindOverloaded.New("The service holds as many large answers as it may, for clients that read " +
			"slowly. Repeat the request later, or ask for less.")
	}
	return func() { a.room.Release(client, int64(bytes)) }, nil
}

// Turn waits, a second at most, until a page may be made of which nobody knows yet how large it will be; the error is a
// 503 problem. end must be called once it is made, before it is written: a turn waits for no client.
func (a *Answers) Turn(r *http.Request) (end func(), err error) {
	client := Client(r)
	ctx, cancel := context.WithTimeout(r.Context(), turnPatience)
	defer cancel()
	if err := a.turns.Acquire(ctx, client, 1); err != nil {
		return nil, KindOverloaded.New("The service makes as many pages as it can at once. Repeat the request later.")
	}
	return func() { a.turns.Release(client, 1) }, nil
}

// Client names who a request is from when something is shared out: its network, or "" for the machine itself, which
// stands for many.
func Client(r *http.Request) string {
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && addr.Addr().Unmap().IsLoopback() {
		return ""
	}
	return Network(r.RemoteAddr)
}

// BoundWriting bounds the time in which a client must take an answer of so many bytes: 5 s, and what 128 KiB a second
// need. Tiny ones the kernel takes at once, whatever the client does, and setting a deadline would cost more than
// writing them. A Server sets the deadline of the connection's next request anew; one without a WriteTimeout, as in
// some tests, does not.
func BoundWriting(w http.ResponseWriter, bytes int) {
	if bytes <= tinyAnswer {
		return
	}
	limit := writeGrace + time.Duration(bytes)*time.Second/leastRate
	// without deadlines, as in some tests, there is none
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit))
}
