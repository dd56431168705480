package retail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"ordertally/client/orders"
)

// defaultConcurrency is the number of batches of an import that run at once. One keeps the service busy while the other
// begins or ends. More are not faster, and mix the order of the files more.
const defaultConcurrency = 2

// Options of Import. The zero Options work.
type Options struct {
	// Dialect is how the files are written. Default: it is detected.
	Dialect Dialect
	// Concurrency is the number of batches that run at once. Default 2.
	Concurrency int
	// Progress is called after each invoice with the number done and the total. Both include rejected invoices. Calls
	// do not overlap. Default: none.
	Progress func(done, total int)
}

// Summary counts what became of the invoices of an import. An invoice that an error cut short is only in Invoices.
type Summary struct {
	Files    int
	Invoices int // all that were read, including rejected ones
	Placed   int
	Replayed int // an earlier import had placed them
	Rejects  []Reject
	// Taken tells how the files were read. It is "" when all are written like the published data set: UTF-8, commas,
	// years first.
	Taken string
	// NoResult names the files that brought nothing, each with a reason. None of their invoices was placed or replayed,
	// and none is a cancellation.
	NoResult []string
}

// NotSent is how many invoices were neither placed nor replayed nor rejected.
func (s *Summary) NotSent() int { return s.Invoices - s.Placed - s.Replayed - len(s.Rejects) }

// Import places the orders in files. It looks through all files before it sends the first order, and ends if one cannot
// be read. Then it reads, sends and waits for answers at once: an invoice is sent when its last row is read. What it
// has in memory does not grow with the files, but for some 60 bytes an invoice and the invoices whose rows are far
// apart. A repeated import places no order twice.
//
// An order that the service refuses because of its content is a reject. An error says that at least one order could not
// be sent. The summary then tells what was done, and has all rejects of the files. An error of one order alone (a 500)
// does not stop the others. The import ends when the service stays silent for as long as the client retries, or when
// every order would get the same answer.
func Import(ctx context.Context, files []string, client *orders.Client, o Options) (Summary, error) {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	sources, done, err := open(files)
	defer done()
	if err != nil {
		return Summary{}, fmt.Errorf("import: %w", err)
	}
	found, err := look(sources, o.Dialect)
	if err != nil {
		return Summary{}, fmt.Errorf("import: %w", err)
	}
	im := importing{client: client, options: o, names: files, useful: make([]bool, len(files))}
	im.summary.Files, im.summary.Invoices = len(files), found.invoices
	im.summary.Taken = describe(files, found.taken())
	im.place(ctx, found)
	sortRejects(im.summary.Rejects)
	im.summary.NoResult = im.withoutResult()
	return im.summary, im.failed
}

// open opens the files. What cannot be read twice, such as a pipe, is copied first. done closes all.
func open(paths []string) (sources []Source, done func(), err error) {
	var opened []*os.File
	done = func() {
		for _, f := range opened {
			_ = f.Close() // it was only read
		}
	}
	infos := make([]os.FileInfo, len(paths))
	for i, path := range paths {
		f, err := os.Open(path) //nolint:gosec // the caller's choice
		if err != nil {
			return nil, done, err
		}
		opened = append(opened, f)
		if infos[i], err = f.Stat(); err != nil {
			return nil, done, err
		}
		for j := range i {
			if os.SameFile(infos[i], infos[j]) {
				return nil, done, fmt.Errorf(
					"%s and %s are one file: name it once, or each order would have its lines twice",
					paths[j],
					path,
				)
			}
		}
		if !infos[i].Mode().IsRegular() && !infos[i].IsDir() {
			if f, err = copied(f); err != nil {
				return nil, done, fmt.Errorf("copy %s: %w", path, err)
			}
			opened = append(opened, f)
		}
		sources = append(sources, Source{Name: path, Reader: f})
	}
	return sources, done, nil
}

// copied returns a file that has what from has, and no name.
func copied(from io.Reader) (*os.File, error) {
	f, err := os.CreateTemp("", "ordertally-import-*")
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(f, from)
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// describe tells how files were read that are not written like the published data set. It groups files that were read
// alike.
func describe(files []string, taken []Taken) string {
	const most = 4 // different readings
	var ways []string
	names := map[string][]string{}
	for i, t := range taken {
		if t.plain() {
			continue
		}
		way := t.String()
		if names[way] == nil {
			ways = append(ways, way)
		}
		names[way] = append(names[way], filepath.Base(files[i]))
	}
	var b strings.Builder
	for i, way := range ways {
		if i == most {
			fmt.Fprintf(&b, "; and in %d more ways", len(ways)-most)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		switch n := names[way]; {
		case len(n) == len(files):
			b.WriteString("read as " + way)
		case len(n) == 1:
			b.WriteString(n[0] + " read as " + way)
		default:
			fmt.Fprintf(&b, "%s and %d more read as %s", n[0], len(n)-1, way)
		}
	}
	return b.String()
}
