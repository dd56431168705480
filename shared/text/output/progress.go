package output

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long nothing is shown. A command that ends sooner needs no progress.
const patience = time.Second

// Progress shows on one line of a terminal how far a command is. Elsewhere it shows nothing.
type Progress struct {
	to          io.Writer
	what        atomic.Pointer[string]
	done, total atomic.Int64
	start       time.Time
	end         chan struct{}
	ended       sync.WaitGroup
}

// Begin shows that what is done, such as "check order.db", until Close. The line is on stderr, and appears only there
// and only if it is a terminal, after a second.
func Begin(stderr io.Writer, what string) *Progress {
	if file, isTerminal := terminal(stderr); isTerminal {
		return begin(file, what)
	}
	return begin(nil, what)
}

func begin(to io.Writer, what string) *Progress {
	p := &Progress{to: to, start: time.Now(), end: make(chan struct{})}
	p.Step(what)
	if to != nil {
		p.ended.Go(p.run)
	}
	return p
}

// Step says what is done now.
func (p *Progress) Step(what string) { p.what.Store(&what) }

// Set says how much of the total is done. It may be called by several goroutines. A total of 0 is not known.
func (p *Progress) Set(done, total int) {
	p.done.Store(int64(done))
	p.total.Store(int64(total))
}

// Close removes the line. It may be called twice.
func (p *Progress) Close() {
	select {
	case <-p.end:
	default:
		close(p.end)
	}
	p.ended.Wait()
}

func (p *Progress) run() {
	ticker := time.NewTicker(patience / 8)
	defer ticker.Stop()
	shown := false
	for {
		select {
		case <-p.end:
			if shown {
				_, _ = io.WriteString(p.to, "\r"+restOfLine) // it is only for show, here and below
			}
			return
		case now := <-ticker.C:
			if took := now.Sub(p.start); took >= patience {
				_, _ = io.WriteString(p.to, "\r"+p.line(took)+restOfLine)
				shown = true
			}
		}
	}
}

// barWidth is the number of characters of the bar.
const barWidth = 24

func (p *Progress) line(took time.Duration) string {
	what, done, total := *p.what.Load(), p.done.Load(), p.total.Load()
	text := what
	if total > 0 {
		done = min(done, total)
		full := int(done * barWidth / total)
		text += " " + strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
		text += fmt.Sprintf(" %d of %d", done, total)
	} else if done > 0 {
		text += fmt.Sprintf(" %d", done)
	}
	text += ", " + took.Round(time.Second).String()
	if total > 0 && done > 0 && done < total {
		left := time.Duration(float64(took) / float64(done) * float64(total-done))
		text += ", " + left.Round(time.Second).String() + " left"
	}
	return text
}
