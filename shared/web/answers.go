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
	// Answers up to smallAnswer need no room, because the kernel buffers them. Those of HTTP/2 are buffered in the
	// process, so there only tiny ones need none.
	smallAnswer = 64 << 10
	// All larger answers share answersRoom bytes, and those to one client answersShare.
	answersRoom, answersShare = 64 << 20, 16 << 20
	// pagesMade is how many pages are made at once at most, and pagesShare how many for one client.
	pagesMade, pagesShare = 8, 4
	// turnPatience is how long a request waits for its turn to make a page.
	turnPatience = time.Second
	// An answer up to tinyAnswer fits into a connection's buffer in the kernel.
	tinyAnswer = 8 << 10
	// A client must read its answer at leastRate bytes a second. It has writeGrace besides.
	leastRate  = 128 << 10
	writeGrace = 5 * time.Second
)

// CodeOverloaded is the code of the problems of a service that is asked for more than it can do at once.
const CodeOverloaded = "overloaded"

// KindOverloaded is the problem of a request whose answer has no room.
var KindOverloaded = problem.Kind{
	Status: http.StatusServiceUnavailable, Code: CodeOverloaded,
	Says: "Too many large answers are being made, or wait for clients that read slowly. Repeat after Retry-After, " +
		"or ask for less.",
	Client: "Send the request again after `Retry-After`, ask for smaller pages, and read answers as they come.",
	Operator: "Look which client asks for much: the log has its key and address. Answers share a fixed amount of " +
		"memory.",
}

// Answers bounds the memory of the large answers of one API. A client that asks for many and reads none gets no more
// than its share. It is safe for concurrent use.
type Answers struct{ room, turns *fairshare.Room }

// NewAnswers returns an Answers with 64 MiB of room, of which one client may have 16 MiB.
func NewAnswers() *Answers {
	return &Answers{room: fairshare.New(answersRoom, answersShare), turns: fairshare.New(pagesMade, pagesShare)}
}

// Take takes room for an answer that was made. The error is a 503 problem. The caller must call release once the answer
// is written.
func (a *Answers) Take(r *http.Request, bytes int) (release func(), err error) {
	if bytes <= tinyAnswer || bytes <= smallAnswer && r.ProtoMajor < 2 {
		return func() {}, nil
	}
	client := Client(r)
	if !a.room.TryAcquire(client, int64(bytes)) {
		return nil, KindOverloaded.New("Too many large answers wait for clients that read slowly. Repeat the request " +
			"later, or ask for less.")
	}
	return func() { a.room.Release(client, int64(bytes)) }, nil
}

// Turn waits up to a second until a page of unknown size may be made. The error is a 503 problem. The caller must call
// end once the page is made and before it is written, so that no turn waits for a client.
func (a *Answers) Turn(r *http.Request) (end func(), err error) {
	client := Client(r)
	ctx, cancel := context.WithTimeout(r.Context(), turnPatience)
	defer cancel()
	if err := a.turns.Acquire(ctx, client, 1); err != nil {
		return nil, KindOverloaded.New("The service is making as many pages as it can. Repeat the request later.")
	}
	return func() { a.turns.Release(client, 1) }, nil
}

// Client names the client whose share a request uses: its network. It is "" for this machine, which stands for many
// clients and has no share.
func Client(r *http.Request) string {
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && addr.Addr().Unmap().IsLoopback() {
		return ""
	}
	return Network(r.RemoteAddr)
}

// BoundWriting sets the deadline by which a client must have read an answer of that size: 5 s, plus the time that
// 128 KiB/s needs. A tiny answer gets none: the kernel takes it at once, and setting a deadline costs more than writing
// it. The deadline ends with the request only if the Server has a WriteTimeout.
func BoundWriting(w http.ResponseWriter, bytes int) {
	if bytes <= tinyAnswer {
		return
	}
	limit := writeGrace + time.Duration(bytes)*time.Second/leastRate
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit)) // a test's writer may have no deadlines
}
