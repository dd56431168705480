package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings"
)

func TestTheLogGoesToBothPlaces(t *testing.T) {
	var stderr bytes.Buffer
	path := filepath.Join(t.TempDir(), "order.log")
	log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "warn", File: path}, &stderr, "order")
	if err != nil {
		t.Fatal(err)
	}
	log.Logger.Info().Msg("not yet")
	log.Logger.Warn().Msg("first")
	log.Level.Set(zerolog.DebugLevel)
	log.Logger.Debug().Msg("second")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil || string(file) != stderr.String() {
		t.Fatalf("%v: the file has\n%s\nand standard error\n%s", err, file, &stderr)
	}
	var messages []string
	for line := range strings.Lines(stderr.String()) {
		var fields struct{ Message, Service string }
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields.Service != "order" {
			t.Fatalf("%s: %v", line, err)
		}
		messages = append(messages, fields.Message)
	}
	if got := strings.Join(messages, ","); got != "first,second" {
		t.Errorf("logged %s", got)
	}
}

func TestALogFileIsRotatedAndCompressed(t *testing.T) {
	dir := t.TempDir()
	log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info", File: filepath.Join(dir, "order.log"), MaxSize: 1,
		MaxBackups: 2, Compress: true}, io.Discard, "order")
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		log.Logger.Info().Str("filling", strings.Repeat("x", 10_000)).Msg("line")
	}
	var old []string
	for deadline := time.Now().Add(20 * time.Second); len(old) == 0; { // it is compressed behind the writer's back
		if time.Now().After(deadline) {
			t.Fatal("no file was rotated and compressed")
		}
		old, _ = filepath.Glob(filepath.Join(dir, "order-*.log.gz"))
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	// the current one, two rotated, one being compressed
	if all, _ := filepath.Glob(filepath.Join(dir, "*")); len(all) > 4 {
		t.Errorf("%d files are kept: %v", len(all), all)
	}
	f, err := os.Open(old[0])
	if err != nil {
		return // deleted meanwhile, as the oldest
	}
	defer func() { _ = f.Close() }()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(unpacked); err != nil || !bytes.Contains(text, []byte(`"message":"line"`)) {
		t.Errorf("%s: %d bytes, %v", old[0], len(text), err)
	}
}

func TestALogFileThatCannotBeWritten(t *testing.T) {
	_, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info",
		File: filepath.Join(t.TempDir(), "none", "order.log")}, io.Discard, "order")
	if err == nil || !strings.Contains(err.Error(), "log file") {
		t.Errorf("%v", err)
	}
	for _, c := range []telemetry.LogConfig{{Level: "loud"}, {MaxSize: -1}, {MaxAge: -1}, {MaxBackups: -1},
		{RotateEvery: -time.Hour}, {RotateEvery: time.Second}} {
		if err := settings.Complete(&c, "log-"); err == nil || !strings.HasPrefix(err.Error(), "log-") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
