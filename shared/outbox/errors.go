package outbox

import "errors"

// ErrFenced says that another service has published under this file's lineage: the file is an old backup or a copy, or
// somebody runs a copy of it. Nothing is appended any more, because the file lacks what the other one has.
var ErrFenced = errors.New("another service has gone on from this file's past and published what the file does not " +
	"have")

var (
	// ErrForked ends a session of a lineage that the file has left.
	ErrForked = errors.New("the file has a new lineage")
	// ErrChanged says that the log lost records or was recreated during an operation. It must be checked again.
	ErrChanged = errors.New("the log lost records or was recreated meanwhile")
)

// Fatal marks an error that no retry can fix. It ends the relay.
func Fatal(err error) error {
	if err == nil {
		return nil
	}
	return &fatalError{err}
}

type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }

func (e *fatalError) Unwrap() error { return e.err }

// maxReason is how many bytes of a failure's text are stored.
const maxReason = 500

func clip(text string) string {
	if len(text) > maxReason {
		return text[:maxReason]
	}
	return text
}

// errRejected ends a session whose batch was refused. The refusal is dealt with, and the next session follows at once.
var errRejected = errors.New("a batch was rejected")
