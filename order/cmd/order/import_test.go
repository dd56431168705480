package main

import (
	"bytes"
	"context"
	"errors"
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
	return &importCmd{Files: files, running: running{Target: target}, Concurrency: 4, RetryFor: 10 * time.Second}
}

func TestImport_WritesOneLineAndTheRejects(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := command(service.URL, day("2010-12-01"), day("2010-12-02"))
	dir := t.TempDir()
	c.Rejects = filepath.Join(dir, "rejects.csv")
	if err := os.WriteFile(c.Rejects, []byte("of another run"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, counts := range []string{"279 placed, 0 replayed", "0 placed, 279 replayed"} {
		var stderr bytes.Buffer
		if err := c.run(t.Context(), io.Discard, &stderr); err != nil {
			t.Fatal(err)
		}
		want := "^import: 310 invoices in 2 files: " + counts + `, 31 rejected \(listed in ` +
			regexp.QuoteMeta(c.Rejects) + `\) in [0-9.]+m?s` + "\n$"
		if !regexp.MustCompile(want).Match(stderr.Bytes()) {
			t.Fatalf("got %q", stderr.String())
		}
		rejects, err := os.ReadFile(c.Rejects)
		if lines := strings.Split(string(rejects), "\n"); err != nil || len(lines) != 33 ||
			lines[0] != "invoice,row,code,reason" ||
			lines[1] != "C536379,143,cancelled,2010-12-01.csv: the invoice is a cancellation" {
			t.Fatalf("%.300s, %v", rejects, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
}

func TestImport_SaysHowToGetARejectsFile(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	var stderr bytes.Buffer
	err := command(service.URL, day("2010-12-03")).run(t.Context(), io.Discard, &stderr)
	if err != nil || !strings.Contains(stderr.String(),
		"108 invoices in 1 file: 73 placed, 0 replayed, 35 rejected (--rejects FILE lists them)") {
		t.Fatalf("%q, %v", stderr.String(), err)
	}
}

func TestImport_WritesOneLineWhenItFails(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	c := command(down.URL, day("2010-12-03"))
	c.RetryFor = 0
	c.Rejects = filepath.Join(t.TempDir(), "rejects.csv")
	var stderr bytes.Buffer
	err := c.run(t.Context(), io.Discard, &stderr)
	if settings.ExitCode(err) != settings.ExitFailed || stderr.Len() != 0 || strings.Contains(err.Error(), "\n") ||
		!strings.Contains(err.Error(), "0 placed, 0 replayed, 35 rejected") ||
		!strings.Contains(err.Error(), "73 not sent") {
		t.Fatalf("%q, %v", stderr.String(), err)
	}
	if rejects, err := os.ReadFile(c.Rejects); err != nil || strings.Count(string(rejects), "\n") != 36 {
		t.Fatalf("the rejects that were found: %.200s, %v", rejects, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.run(ctx, io.Discard, &stderr); settings.ExitCode(err) != settings.ExitFailed ||
		!strings.Contains(err.Error(), "interrupted with 73 not sent") {
		t.Fatalf("interrupted: %v", err)
	}
}

func TestImport_FindsWhatIsWrongBeforeItSendsAnything(t *testing.T) {
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
		err := c.run(t.Context(), io.Discard, &stderr)
		if err == nil || settings.ExitCode(err) != int(name[0]-'0') || stderr.Len() > 0 ||
			strings.Contains(err.Error(), "\n") {
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

// The pipe stands for a device. A failing test must not be able to replace a real one.
func TestReport_DoesNotReplaceAPipe(t *testing.T) {
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
	if err := c.run(t.Context(), io.Discard, &stderr); err != nil {
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

func writeCSV(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const semicolons = "InvoiceNo;StockCode;Description;Quantity;InvoiceDate;UnitPrice;CustomerID;Country\n"

func TestImport_SaysInItsOneLineWhatItTook(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := command(service.URL, writeCSV(t, "eu.csv", semicolons+"1;A;caf\xe9;1;06.07.2011 08:26;2,55;;\n"),
		day("2010-12-03"))
	var stderr bytes.Buffer
	if err := c.run(t.Context(), io.Discard, &stderr); err != nil {
		t.Fatal(err)
	}
	want := "; eu.csv read as windows-1252, semicolons, 06.07.2011 08:26 day first (no row tells; --dates " +
		"month-first reads it otherwise)\n"
	if got := stderr.String(); !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 1 {
		t.Fatalf("got %q, want ...%q", got, want)
	}
}

func TestImport_TellingDecides(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := command(service.URL, writeCSV(t, "eu.csv", semicolons+"1;A;caf\xe9;1;06.07.2011 08:26;2,55;;\n"))
	c.Encoding, c.Separator, c.Dates = "iso-8859-15", "semicolon", "month-first"
	var stderr bytes.Buffer
	if err := c.run(t.Context(), io.Discard, &stderr); err != nil ||
		!strings.HasSuffix(stderr.String(), "; read as iso-8859-15, semicolons, 06.07.2011 08:26 month first\n") {
		t.Fatalf("%q, %v", stderr.String(), err)
	}
	for _, change := range []func(*importCmd){
		func(c *importCmd) { c.Encoding = "ebcdic" }, func(c *importCmd) { c.Separator = "|" },
		func(c *importCmd) { c.Dates = "us" },
	} {
		c := command(service.URL, day("2010-12-03"))
		change(c)
		if err := c.run(t.Context(), io.Discard, &stderr); settings.ExitCode(err) != settings.ExitUsage ||
			!strings.Contains(err.Error(), "want auto") {
			t.Errorf("%v", err)
		}
	}
}

func TestImport_AFileThatCameToNothingIsAFailure(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	bad := writeCSV(t, "bad.csv", semicolons+"1;A;a;1;yesterday;2,55;;\n")
	empty := writeCSV(t, "empty.csv", semicolons)
	var stderr bytes.Buffer
	for range 2 { // placed, then replayed
		err := command(service.URL, day("2010-12-03"), bad, empty).run(t.Context(), io.Discard, &stderr)
		if settings.ExitCode(err) != settings.ExitFailed || stderr.Len() != 0 || strings.Contains(err.Error(), "\n") ||
			!strings.Contains(err.Error(), "2 files came to nothing: "+bad+" (row 2: ") ||
			!strings.Contains(err.Error(), empty+" (it has no rows)") {
			t.Fatalf("exit code %d: %v", settings.ExitCode(err), err)
		}
	}
	cancelled := writeCSV(t, "cancelled.csv", semicolons+"C1;A;a;-1;06.07.2011 08:26;2,55;;\n")
	if err := command(service.URL, cancelled).run(t.Context(), io.Discard, &stderr); err != nil {
		t.Fatalf("a file of cancellations: %v", err)
	}
}

func TestReport_IsItsOwnersAndFollowsNoLink(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"to a file": victim, "to nothing": filepath.Join(dir, "missing"), "to a directory": dir,
		"to a device": "/dev/null"}
	before := service.Transactions()
	for name, target := range links {
		c := command(service.URL, day("2010-12-03"))
		c.Rejects = filepath.Join(dir, name)
		if err := os.Symlink(target, c.Rejects); err != nil {
			t.Fatal(err)
		}
		err := c.run(t.Context(), io.Discard, io.Discard)
		if settings.ExitCode(err) != settings.ExitFailed ||
			!strings.Contains(err.Error(), "is a symbolic link: name the file itself") {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.Readlink(c.Rejects); err != nil || got != target {
			t.Errorf("%s: the link is %s, %v", name, got, err)
		}
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
		t.Fatalf("the link's file has %q, %v", text, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != len(links)+1 || service.Transactions() != before {
		t.Fatalf("left behind: %v, %v; something was sent: %v", entries, err, service.Transactions() != before)
	}

	// An existing file that others can read is replaced. A hard link does not lead to its other name either.
	c := command(service.URL, day("2010-12-03"))
	c.Rejects = filepath.Join(dir, "rejects.csv")
	if err := os.Link(victim, c.Rejects); err != nil {
		t.Fatal(err)
	}
	if err := c.run(t.Context(), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(c.Rejects)
	if err != nil || info.Mode() != 0o600 || info.Size() < 100 {
		t.Fatalf("%v, %v", info, err)
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
		t.Fatalf("the other name's file has %q, %v", text, err)
	}
}

func TestReport_RefusesWhatWouldLoseAFileOrWaitForEver(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	dir := t.TempDir()
	input, other, pipe := filepath.Join(dir, "input.csv"), filepath.Join(dir, "other name.csv"),
		filepath.Join(dir, "pipe")
	text, err := os.ReadFile(day("2010-12-03"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(input, text, 0o600), os.Link(input, other),
		syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	before := service.Transactions()
	for rejects, want := range map[string]string{
		input: "is one of the files to import", other: "is one of the files to import", pipe: "nobody reads the pipe",
	} {
		c := command(service.URL, input)
		c.Rejects = rejects
		if err := c.run(t.Context(), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", rejects, err, want)
		}
	}
	if after, err := os.ReadFile(input); err != nil || !bytes.Equal(after, text) || service.Transactions() != before {
		t.Errorf("the input has %d bytes, want %d: %v; something was sent: %v", len(after), len(text), err,
			service.Transactions() != before)
	}
}
