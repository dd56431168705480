package output

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"ordertally/shared/text/safetext"
)

// Watch are the flags of a command whose answer changes.
type Watch struct {
	// Go on until Ctrl-C. On a terminal the answer is drawn in place; elsewhere lines that are new are appended.
	Watch bool `short:"w"`
	// How often to ask with --watch.
	Every time.Duration `default:"2s" range:"100ms..1h"`
}

// Run calls show once, or with --watch again and again until ctx ends, which is no error. An error of the first call is
// returned. A later one is shown, and the next call may succeed.
func (w *Watch) Run(ctx context.Context, out io.Writer, show func(context.Context, io.Writer) error) error {
	if !w.Watch {
		return show(ctx, out)
	}
	file, isTerminal := terminal(out)
	var to view = &appended{out: out, errors: safetext.NewWriter(os.Stderr)}
	if isTerminal {
		to = openScreen(file, w.Every)
	}
	defer to.close()
	ticker := time.NewTicker(w.Every)
	defer ticker.Stop()
	for first := true; ; first = false {
		answer := page{file: file}
		err := show(ctx, &answer)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		}
		if err := to.show(answer.Bytes(), err); err != nil {
			return written(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Notes returns where to write where the next page begins: to standard error, once. A list that is shown again and
// again does not repeat it.
func (w *Watch) Notes() io.Writer {
	if w.Watch {
		return io.Discard
	}
	return os.Stderr
}

// page takes one answer. It counts as the terminal that it will be drawn on.
type page struct {
	bytes.Buffer
	file *os.File
}

// File returns the terminal, or nil.
func (p *page) File() *os.File { return p.file }

// A view shows one answer after the other. Of a failure it keeps what it has shown.
type view interface {
	show(answer []byte, failed error) error
	close()
}

// appended writes the lines that the answer before did not have.
type appended struct {
	out, errors io.Writer
	before      map[string]bool
	failed      string
}

func (a *appended) show(answer []byte, failed error) error {
	if failed != nil {
		if text := failed.Error(); text != a.failed {
			a.failed = text
			_, _ = fmt.Fprintln(a.errors, text) // the answers matter
		}
		return nil
	}
	a.failed = ""
	now := map[string]bool{}
	for line := range strings.Lines(string(answer)) {
		now[line] = true
		if a.before[line] {
			continue
		}
		if _, err := io.WriteString(a.out, line); err != nil {
			return err
		}
	}
	a.before = now
	return nil
}

func (a *appended) close() {}

// screen draws on a terminal, beside what was there before. In the end the last answer stays below that.
type screen struct {
	file  *os.File
	every time.Duration
	size  func() (width, height int, err error)
	last  []byte
}

func openScreen(file *os.File, every time.Duration) *screen {
	return &screen{file: file, every: every, size: func() (int, int, error) { return term.GetSize(int(file.Fd())) }}
}

// These are understood by every terminal of the last decades.
const (
	otherScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // another buffer, without cursor and without wrapping
	firstScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	top         = "\x1b[H"
	restOfLine  = "\x1b[K"
	restOfAll   = "\x1b[J"
	faint, off  = "\x1b[2m", "\x1b[0m"
)

func (s *screen) show(answer []byte, failed error) error {
	var draw bytes.Buffer
	if s.last == nil {
		draw.WriteString(otherScreen)
	}
	note := fmt.Sprintf("every %s, Ctrl-C ends", s.every)
	if failed == nil {
		s.last = answer
	} else {
		note = "as it was: " + strings.ReplaceAll(failed.Error(), "\n", " ")
	}
	_, height, err := s.size()
	if err != nil || height < 4 {
		height = 24
	}
	lines := bytes.SplitAfter(bytes.TrimRight(s.last, "\n"), []byte("\n"))
	if room := height - 2; len(lines) > room {
		note = fmt.Sprintf("%d of %d lines, ", room, len(lines)) + note
		lines = lines[:room]
	}
	draw.WriteString(top)
	for _, line := range lines {
		draw.Write(safetext.Append(nil, bytes.TrimRight(line, "\n")))
		draw.WriteString(restOfLine + "\n")
	}
	draw.WriteString(restOfLine + "\n" + faint)
	draw.Write(safetext.Append(nil, []byte(time.Now().Format(time.TimeOnly)+", "+note)))
	draw.WriteString(off + restOfLine + restOfAll)
	_, err = s.file.Write(draw.Bytes())
	return err
}

func (s *screen) close() {
	if s.last != nil {
		_, _ = s.file.Write(append([]byte(firstScreen), safetext.Append(nil, s.last)...)) // nothing can be done
	}
}
