package telemetry_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"ordertally/shared/service/telemetry"
)

// TestLog_ShowsWhatWouldActOnATerminal: the line means the same to programs.
func TestLog_ShowsWhatWouldActOnATerminal(t *testing.T) {
	const text = "a\u009b2J\u202ec\u0085"
	var out bytes.Buffer
	log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info"}, &out, "order")
	if err != nil {
		t.Fatal(err)
	}
	log.Logger.Info().Str("caller", text).Msg("request")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	var line struct{ Caller string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Caller != text ||
		bytes.ContainsAny(out.Bytes(), "\u009b\u202e\u0085") {
		t.Errorf("%v %q", err, &out)
	}
}
