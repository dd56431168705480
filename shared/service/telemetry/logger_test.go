package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"ordertally/shared/service/telemetry"
)

func TestLoggerWritesJSONOffATerminal(t *testing.T) {
	var buf bytes.Buffer
	logger := telemetry.NewLogger(&buf, "order").With().Str("part", "relay").Logger()
	before := time.Now()
	logger.Error().Err(errors.New("broker gone")).Int("attempts", 3).Msg("publish failed")
	var line map[string]any
	if err := json.Unmarshal(buf.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, buf.String())
	}
	text, _ := line["time"].(string)
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(text) {
		t.Errorf("time %q is not RFC 3339 in UTC with milliseconds", text)
	}
	if at, err := time.Parse(time.RFC3339, text); err != nil || at.Before(before.Truncate(time.Millisecond)) ||
		at.After(time.Now()) {
		t.Errorf("time %q is not now: %v", text, err)
	}
	delete(line, "time")
	want := map[string]any{"level": "error", "service": "order", "part": "relay", "error": "broker gone",
		"attempts": 3.0, "message": "publish failed"}
	if len(line) != len(want) {
		t.Errorf("fields %v, want %v", line, want)
	}
	for name, value := range want {
		if line[name] != value {
			t.Errorf("%s is %v, want %v", name, line[name], value)
		}
	}
	if strings.Count(buf.String(), `"time"`) != 1 || !strings.HasSuffix(buf.String(), "}\n") {
		t.Errorf("line %q", buf.String())
	}
}

func TestLoggerWritesJSONToAFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	logger := telemetry.NewLogger(f, "order")
	logger.Info().Msg("hello")
	data, err := os.ReadFile(f.Name())
	if err != nil || !json.Valid(data) {
		t.Errorf("%q, %v", data, err)
	}
}
