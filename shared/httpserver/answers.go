package httpserver

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"ordertally/shared/problem"
)

const (
	// smallAnswer is up to what size answers are not counted: the kernel takes them from the program.
	smallAnswer = 64 << 10
	// answersRoom is how many bytes of larger answers may be under way.
	answersRoom = 64 << 20
	// roomPatience is how long a request waits for room.
	roomPatience = time.Second
	// tinyAnswer is up to what size an answer fits into a connection's buffer in the kernel.
	tinyAnswer = 8 << 10
	// leastRate is how many bytes a second a client must take of its answer, after writeGrace.
	leastRate  = 128 << 10
	writeGrace = 5 * time.Second
)

// KindOverloaded is the problem of a request whose answer has no room.
var KindOverloaded = problem.Kind{
	Status: http.StatusServiceUnavailable, Code: "overloaded", Says: "Too many large answers are held for clients that read slowly. Repeat after Retry-After, or ask for less.",
}

// Answers bounds the memory of the large answers of one API that are on their way: whoever asks for many and reads none cannot take the memory of
// the service. It is safe for concurrent use.
type Answers struct{ room *semaphore.Weighted }

// NewAnswers returns one with room for 64 MiB.
func NewAnswers() *Answers { return &Answers{semaphore.NewWeighted(answersRoom)} }

// Held is the room that one answer has.
type Held struct {
	answers *Answers
	bytes   int64
}

// Take takes room for an answer that is made already; the error is a 503 problem. Release must be called once the answer is written.
func (a *Answers) Take(bytes int) (*Held, error) {
	h := &Held{answers: a}
	if bytes <= smallAnswer {
		return h, nil
	}
	h.bytes = min(int64(bytes), answersRoom)
	if !a.room.TryAcquire(h.bytes) {
		return nil, crowded()
	}
	return h, nil
}

func crowded() error {
	return KindOverloaded.New("The service holds as many large answers as it may, for clients that read slowly. Repeat the request later, or ask for less.")
}

// Hold waits, a second at most, for room for an answer of so many bytes that is yet to be made; the error is a 503 problem. Release must be called once the answer
// is written.
func (a *Answers) Hold(ctx context.Context, bytes int) (*Held, error) {
	if bytes <= smallAnswer {
		return &Held{answers: a}, nil
	}
	h := &Held{answers: a, bytes: min(int64(bytes), answersRoom)}
	ctx, cancel := context.WithTimeout(ctx, roomPatience)
	defer cancel()
	if err := a.room.Acquire(ctx, h.bytes); err != nil {
		return nil, crowded()
	}
	return h, nil
}

// Shrink gives back what the answer does not need after all.
func (h *Held) Shrink(bytes int) {
	if bytes <= smallAnswer {
		bytes = 0
	}
	if spare := h.bytes - int64(bytes); spare > 0 {
		h.answers.room.Release(spare)
		h.bytes -= spare
	}
}

// Release gives back the room. Calling it again does nothing.
func (h *Held) Release() { h.Shrink(0) }

// BoundWriting bounds the time in which a client must take an answer of so many bytes: 5 s, and what 128 KiB a second need. Tiny ones the
// kernel takes at once, whatever the client does, and setting a deadline would cost more than writing them. A Server sets the
// deadline of the connection's next request anew; one without a WriteTimeout, as in some tests, does not.
func BoundWriting(w http.ResponseWriter, bytes int) {
	if bytes <= tinyAnswer {
		return
	}
	limit := writeGrace + time.Duration(bytes)*time.Second/leastRate
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit)) // without deadlines, as in some tests, there is none
}
