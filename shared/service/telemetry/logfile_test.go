package telemetry_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ordertally/shared/service/telemetry"
)

// logOneLine opens a log as c says, writes one line and closes it.
func logOneLine(t *testing.T, c telemetry.LogConfig) {
	t.Helper()
	log, err := telemetry.OpenLog(c, io.Discard, "order")
	if err != nil {
		t.Fatal(err)
	}
	log.Logger.Info().Msg("of this run")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// rotated are the files that were rotated for their age.
func rotated(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "order-*-time.log"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestALogFileIsRotatedByTime(t *testing.T) {
	leaks, dir := goleak.IgnoreCurrent(), t.TempDir()
	log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info", File: filepath.Join(dir, "order.log"),
		RotateEvery: 50 * time.Millisecond}, io.Discard, "order")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for deadline := time.Now().Add(20 * time.Second); len(rotated(t, dir)) < 2; lines++ {
		if time.Now().After(deadline) {
			t.Fatalf("%d lines, and no file was rotated", lines)
		}
		log.Logger.Info().Int("line", lines).Msg("line")
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := goleak.Find(leaks); err != nil {
		t.Errorf("after Close: %v", err)
	}
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found += strings.Count(string(text), `"message":"line"`)
	}
	// Nothing keeps this test from logging faster than a disk writes.
	if dropped := int(log.Drops.Lines()); found+dropped != lines {
		t.Errorf("of %d lines %d are in the files %v, and %d were dropped", lines, found, all, dropped)
	}
}

func TestALogFileOfAnEarlierRunHasItsAge(t *testing.T) {
	line := func(age time.Duration) string {
		return fmt.Sprintf(`{"level":"info","time":%q,"message":"of an earlier run"}`+"\n",
			time.Now().Add(-age).UTC().Format(time.RFC3339))
	}
	for name, tc := range map[string]struct {
		before string
		every  time.Duration
		want   int
	}{
		"old":                {line(25*time.Hour) + line(time.Minute), 24 * time.Hour, 1},
		"young":              {line(23 * time.Hour), 24 * time.Hour, 0},
		"old, never by time": {line(1000 * time.Hour), 0, 0},
		"none of ours":       {"2020-01-01 a line\n", 24 * time.Hour, 0},
		"cut short":          {`{"time":"2020-`, 24 * time.Hour, 0},
		"empty":              {"", 24 * time.Hour, 0},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "order.log")
		if err := os.WriteFile(path, []byte(tc.before), 0o600); err != nil {
			t.Fatal(err)
		}
		logOneLine(t, telemetry.LogConfig{Level: "info", File: path, RotateEvery: tc.every})
		old := rotated(t, dir)
		if len(old) != tc.want {
			t.Errorf("%s: %d files were rotated, want %d", name, len(old), tc.want)
			continue
		}
		want := tc.before
		if tc.want > 0 {
			if text, err := os.ReadFile(old[0]); err != nil || string(text) != tc.before {
				t.Errorf("%s: the rotated file has %q, %v", name, text, err)
			}
			want = ""
		}
		if text, err := os.ReadFile(path); err != nil ||
			!strings.HasPrefix(string(text), want+`{"level":"info","service":"order"`) {
			t.Errorf("%s: the file has %q, %v", name, text, err)
		}
	}
}
