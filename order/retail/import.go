package retail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"ordertally/order/orderclient"
)

// defaultConcurrency of an import, in requests.
const defaultConcurrency = 8

// Options of Import. The zero Options work.
type Options struct {
	// Concurrency is how many requests are under way at once. Default 8.
	Concurrency int
	// Progress is told how many of all invoices were read are done, rejected ones included, after each. Calls do not
	// overlap. Default: nobody is told.
	Progress func(done, total int)
}

// Summary is what became of the invoices of an import. Those cut short by an error are in none of the counts.
type Summary struct {
	Files    int
	Invoices int // all that were read, rejected ones included
	Placed   int
	Replayed int // an earlier import had placed them
	Rejects  []Reject
}

// NotSent is how many invoices were neither placed nor replayed nor rejected.
func (s *Summary) NotSent() int { return s.Invoices - s.Placed - s.Replayed - len(s.Rejects) }

// Import places the orders of files, one file after the other. All are read before the first order is sent. Repeated,
// it places nothing twice: each order has an idempotency key.
//
// An order that the service refuses for what it contains is a reject. The error, which comes with the summary so far,
// says that at least one order could not be sent. One that only this order met (500) lets the others go on; without an
// answer in the time that client repeats requests for, or with one that every order would get, the import ends.
func Import(ctx context.Context, files []string, client *orderclient.Client, o Options) (Summary, error) {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	im := importing{client: client, options: o}
	read := make([]File, len(files))
	for i, path := range files {
		file, err := readFile(path)
		if err != nil {
			return Summary{}, err
		}
		read[i] = file
		im.summary.Files++
		im.summary.Invoices += len(file.Invoices) + len(file.Rejects)
	}
	for i := range read {
		prefix := ""
		if len(files) > 1 {
			prefix = filepath.Base(files[i]) + ": "
		}
		if err := im.file(ctx, i, prefix, read[i]); err != nil {
			im.failed = err
			break
		}
	}
	sortRejects(im.summary.Rejects)
	return im.summary, im.failed
}

func readFile(path string) (File, error) {
	f, err := os.Open(path) //nolint:gosec // the caller's choice
	if err != nil {
		return File{}, fmt.Errorf("import: %w", err)
	}
	defer func() { _ = f.Close() }()
	file, err := Read(f)
	if err != nil {
		return File{}, fmt.Errorf("import %s: %w", path, err)
	}
	return file, nil
}
