package output_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/text/output"
)

// answers returns a show that gives one answer after the other, and ends the watch after the last.
func answers(cancel func(), all ...any) func(context.Context, io.Writer) error {
	return func(_ context.Context, out io.Writer) error {
		answer := all[0]
		if all = all[1:]; len(all) == 0 {
			cancel()
		}
		if err, failed := answer.(error); failed {
			return err
		}
		_, err := fmt.Fprint(out, answer)
		return err
	}
}

func TestWatch_AppendsNewLinesOffATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		watch := output.Watch{Watch: true, Every: time.Minute}
		begin := time.Now()
		err := watch.Run(ctx, &out, answers(cancel, "ID N\na 1\nb 1\n", "ID N\na 1\nb 2\n", errors.New("away"),
			"ID N\na 1\nb 2\nc 1\n", "not shown: the watch has ended"))
		if want := "ID N\na 1\nb 1\nb 2\nc 1\n"; err != nil || out.String() != want {
			t.Errorf("%v, %q, want %q", err, &out, want)
		}
		if took := time.Since(begin); took != 4*time.Minute {
			t.Errorf("5 answers in %s", took)
		}
	})
}

func TestWatch_EndsWithTheFirstFailure(t *testing.T) {
	failed := errors.New("no such order")
	watch := output.Watch{Watch: true, Every: time.Minute}
	err := watch.Run(t.Context(), io.Discard, func(context.Context, io.Writer) error { return failed })
	if !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	once := output.Watch{}
	var out strings.Builder
	if err := once.Run(t.Context(), &out, answers(func() {}, "one")); err != nil || out.String() != "one" {
		t.Errorf("without --watch: %v, %s", err, &out)
	}
}
