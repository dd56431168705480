package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/settings"
)

func day(name string) string {
	return filepath.Join("..", "..", "..", "testdata", "online-retail", name+".csv")
}

func command(target string, files ...string) *importCmd {
	return &importCmd{Files: files, Target: target, Concurrency: 4, RetryFor: 10 * time.Second}
}

func TestImportWritesOneLineAndTheRejects(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := command(service.URL, day("2010-12-01"), day("2010-12-02"))
	dir := t.TempDir()
	c.Rejects = filepath.Join(dir, "rejects.csv")
	if err := os.WriteFile(c.Rejects, []byte("of another run"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, counts := range []string{"279 placed, 0 replayed", "0 placed, 279 replayed"} {
		var stderr bytes.Buffer
		if err := c.run(t.Context(), &stderr, false); err != nil {
			t.Fatal(err)
		}
		want := "^import: 310 invoices in 2 files: " + counts + `, 31 rejected \(listed in ` + regexp.QuoteMeta(c.Rejects) + `\) in [0-9.]+m?s` + "\n$"
		if !regexp.MustCompile(want).Match(stderr.Bytes()) {
			t.Fatalf("got %q", stderr.String())
		}
		rejects, err := os.ReadFile(c.Rejects)
		if lines := strings.Split(string(rejects), "\n"); err != nil || len(lines) != 33 || lines[0] != "invoice,row,code,reason" ||
			lines[1] != "C536379,143,cancelled,2010-12-01.csv: the invoice is a cancellation" {
			t.Fatalf("%.300s, %v", rejects, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
}

func TestImportWithoutARejectsFileSaysHowToGetOne(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	var stderr bytes.Buffer
	err := command(service.URL, day("2010-12-03")).run(t.Context(), &stderr, false)
	if err != nil || !strings.Contains(stderr.String(), "108 invoices in 1 file: 73 placed, 0 replayed, 35 rejected (--rejects FILE lists them)") {
		t.Fatalf("%q, %v", stderr.String(), err)
	}
}

func TestImportShowsABarOnATerminal(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	var stderr bytes.Buffer
	if err := command(service.URL, day("2010-12-03")).run(t.Context(), &stderr, true); err != nil {
		t.Fatal(err)
	}
	if shown := stderr.String(); !strings.Contains(shown, "\r") || !strings.Contains(shown, "/108") || !strings.Contains(shown, "73 placed") {
		t.Fatalf("shown: %q", shown)
	}
}

func TestAFailedImportIsOneLineToo(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	c := command(down.URL, day("2010-12-03"))
	c.RetryFor = 0
	c.Rejects = filepath.Join(t.TempDir(), "rejects.csv")
	var stderr bytes.Buffer
	err := c.run(t.Context(), &stderr, false)
	if settings.ExitCode(err) != settings.ExitFailed || stderr.Len() != 0 || strings.Contains(err.Error(), "\n") ||
		!strings.Contains(err.Error(), "0 placed, 0 replayed, 35 rejected") || !strings.Contains(err.Error(), "73 not sent") {
		t.Fatalf("%q, %v", stderr.String(), err)
	}
	if rejects, err := os.ReadFile(c.Rejects); err != nil || strings.Count(string(rejects), "\n") != 36 {
		t.Fatalf("the rejects that were found: %.200s, %v", rejects, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.run(ctx, &stderr, false); settings.ExitCode(err) != settings.ExitFailed || !strings.Contains(err.Error(), "interrupted with 73 not sent") {
		t.Fatalf("interrupted: %v", err)
	}
}

func TestWhatIsWrongIsFoundBeforeAnythingIsSent(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	before := service.Transactions()
	dir := t.TempDir()
	for name, change := range map[string]func(*importCmd){
		"2 no target":            func(c *importCmd) { c.Target = "localhost:8080" },
		"2 no concurrency":       func(c *importCmd) { c.Concurrency = 0 },
		"2 negative time":        func(c *importCmd) { c.RetryFor = -time.Second },
		"1 a missing file":       func(c *importCmd) { c.Files = append(c.Files, filepath.Join(dir, "missing.csv")) },
		"1 rejects a directory":  func(c *importCmd) { c.Rejects = dir },
		"1 rejects in no place":  func(c *importCmd) { c.Rejects = filepath.Join(dir, "missing", "rejects.csv") },
		"1 a file of other kind": func(c *importCmd) { c.Files = []string{"import_test.go"} },
	} {
		c := command(service.URL, day("2010-12-03"))
		change(c)
		var stderr bytes.Buffer
		err := c.run(t.Context(), &stderr, false)
		if err == nil || settings.ExitCode(err) != int(name[0]-'0') || stderr.Len() > 0 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: exit code %d, %v", name, settings.ExitCode(err), err)
		}
	}
	if service.Transactions() != before {
		t.Error("something was sent")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A device is one like this; a test that fails must not be able to replace a real one.
func TestARejectsFileThatIsAPipeIsNotReplaced(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := command(service.URL, day("2010-12-03"))
	c.Rejects = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(c.Rejects, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(c.Rejects, os.O_RDWR, 0) // for both, so that opening waits for nobody
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var stderr bytes.Buffer
	if err := c.run(t.Context(), &stderr, false); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(c.Rejects); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Fatalf("the pipe became %v, %v", info.Mode(), err)
	}
	first := make([]byte, len("invoice,row,code,reason\n"))
	if _, err := io.ReadFull(reader, first); err != nil || string(first) != "invoice,row,code,reason\n" {
		t.Fatalf("read %q, %v", first, err)
	}
}
