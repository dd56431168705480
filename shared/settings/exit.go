package settings

import (
	"errors"
	"fmt"
	"io"
	"time"

	"ordertally/shared/text/safetext"
)

// Exit codes of all programs. [ExitCodes] says what they mean.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitFenced = 3
)

// Exit is an exit code with what it means and what to do then, for the documents.
type Exit struct {
	Code        int
	Means, Then string
}

// ExitCodes returns all exit codes.
func ExitCodes() []Exit {
	return []Exit{
		{ExitDone, "Done. A service was told to stop, and stopped in order.", "Nothing."},
		{ExitFailed, "Failed. The last line on standard error says why. `check` found damage, `verify` found a " +
			"difference, or `import` placed no order from one of the files.",
			"Do what the message says. A service may be started again: nothing has to be repaired first."},
		{ExitUsage, "The command line, a variable or the settings file is wrong. Nothing was done.",
			"Mend what the message names. `config check` lists everything that `serve` would refuse."},
		{ExitFenced, "Fenced or overtaken: another service publishes for this file, or has gone on without it.",
			"Do not start the service again as it is. The message names the ways on."},
	}
}

type exitError struct {
	err  error
	code int
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// WithExitCode gives err the exit code that the program should end with. A nil err stays nil.
func WithExitCode(err error, code int) error {
	if err == nil {
		return nil
	}
	return &exitError{err: err, code: code}
}

// ExitCode returns the exit code of a program that ended with err. It is 0 for nil and ErrAnswered. Otherwise it is the
// outermost one given by WithExitCode, or 1.
func ExitCode(err error) int {
	if err == nil || errors.Is(err, ErrAnswered) {
		return ExitDone
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return ExitFailed
}

// reportPatience is how long Report waits for a reader.
const reportPatience = 2 * time.Second

// Report writes err to w, usually os.Stderr, unless there is nothing to say, and returns its exit code:
//
//	func main() { os.Exit(settings.Report(os.Stderr, run())) }
//
// A reader that takes nothing does not keep the process from ending.
func Report(w io.Writer, err error) int {
	if err != nil && !errors.Is(err, ErrAnswered) {
		written := make(chan struct{})
		go func() {
			defer close(written)
			_, _ = fmt.Fprintln(safetext.NewWriter(w), err) // there is nowhere else to report to
		}()
		select {
		case <-written:
		case <-time.After(reportPatience):
		}
	}
	return ExitCode(err)
}
