package outbox

import "errors"

// ErrFenced says that another process publishes under this file's lineage, so somebody runs a copy of the file. Nothing
// is appended any more. The next start begins a new lineage and publishes what only this file has.
var ErrFenced = errors.New("another process runs a copy of this file and has taken over its lineage: find out which " +
	"of the two is to go on; " +
	"when this one is started again, it publishes under a new lineage what only it has")

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
