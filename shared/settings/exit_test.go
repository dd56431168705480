package settings_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"ordertally/shared/settings"
)

func TestReport(t *testing.T) {
	failed := errors.New("disk full")
	tests := []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{settings.ErrAnswered, 0, ""},
		{failed, 1, "disk full\n"},
		{settings.WithExitCode(failed, settings.ExitUsage), 2, "disk full\n"},
		{fmt.Errorf("serve: %w", settings.WithExitCode(failed, settings.ExitFenced)), 3, "serve: disk full\n"},
		{settings.WithExitCode(settings.WithExitCode(failed, 3), 2), 2, "disk full\n"},
		{settings.WithExitCode(nil, 2), 0, ""},
	}
	for _, tc := range tests {
		var out bytes.Buffer
		if code := settings.Report(&out, tc.err); code != tc.code || out.String() != tc.text {
			t.Errorf("%v: %d %q, want %d %q", tc.err, code, out.String(), tc.code, tc.text)
		}
	}
	if !errors.Is(settings.WithExitCode(failed, 3), failed) {
		t.Error("the cause is lost")
	}
}
