package retail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"ordertally/client"
	"ordertally/client/orders"
)

// importing is an import under way.
type importing struct {
	client  *orders.Client
	options Options
	names   []string // of the files

	mu      sync.Mutex
	summary Summary
	done    int
	useful  []bool // by file: one of its invoices was placed or replayed, or is a cancellation
	failed  error  // the error that ended the import, or else the first one that did not
}

// place places the orders while it reads them. It returns when no request is running any more. If it ends early, it
// reads on for the rejects.
func (im *importing) place(ctx context.Context, found *survey) {
	group, groupCtx := errgroup.WithContext(ctx)
	batches := make(chan []Invoice) // without room: those who place are behind, or wait
	for range im.options.Concurrency {
		group.Go(func() error {
			for invoices := range batches {
				if err := im.batch(groupCtx, invoices); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var next []Invoice
	send := func() {
		select {
		case batches <- next:
			next = make([]Invoice, 0, batchSize)
		case <-groupCtx.Done():
			next = next[:0]
		}
	}
	read := found.read(func(in *Invoice, reject *Reject) {
		if reject != nil {
			im.reject(*reject)
			return
		}
		if next = append(next, *in); len(next) == batchSize {
			send()
		}
	})
	if len(next) > 0 {
		send()
	}
	close(batches)
	err := group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && read != nil {
		err = fmt.Errorf("import: %w", read)
	}
	if err != nil {
		im.failed = err
	}
}

// withoutResult names the files that brought nothing, each with its first reject.
func (im *importing) withoutResult() (files []string) {
	for i, useful := range im.useful {
		if useful {
			continue
		}
		why := "it has no rows"
		if first := slices.IndexFunc(
			im.summary.Rejects,
			func(r Reject) bool { return slices.Contains(r.files, i) },
		); first >= 0 {
			why = fmt.Sprintf("row %d: %s", im.summary.Rejects[first].Row, im.summary.Rejects[first].Reason)
		}
		files = append(files, im.names[i]+" ("+why+")")
	}
	return files
}

// batchSize is how many invoices one request places. It is far below what a request may have, so that requests under
// way at once have neighbouring invoices.
const batchSize = 500

// batch places orders with one request. An error ends the import.
func (im *importing) batch(ctx context.Context, invoices []Invoice) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	lines := make([]orders.BatchLine, len(invoices))
	for i := range invoices {
		lines[i] = orders.BatchLine{OrderDraft: invoices[i].Draft, IdempotencyKey: KeyPrefix + invoices[i].Number}
	}
	first := invoices[0].Number
	note := func(i int, a *orders.BatchAnswer) {
		if err := im.answered(&invoices[i], a); err != nil {
			end(err)
		}
	}
	err := im.client.PlaceBatch(ctx, orders.PlaceBatchParams{Prefer: "return=minimal"}, lines, note)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if err != nil {
		return fmt.Errorf("import invoice %s and those behind it: %w", first, err)
	}
	return nil
}

// answered notes what became of an invoice. An error ends the import.
func (im *importing) answered(in *Invoice, a *orders.BatchAnswer) error {
	p := a.Problem
	if p != nil { // the line is one of the request, and says nothing to who reads the rejects
		p.Detail = strings.TrimPrefix(p.Detail, fmt.Sprintf("Line %d: ", a.Line))
	}
	switch {
	case p == nil:
		im.finish(func(s *Summary) {
			im.markUseful(in.files)
			if a.Replayed {
				s.Replayed++
			} else {
				s.Placed++
			}
		})
		return nil
	case client.HasCode(*p, orders.ProblemCodeReferenceTaken, orders.ProblemCodeIdempotencyKeyReused):
		im.reject(in.rejected(CodeChanged,
			"an earlier import placed the invoice with other rows; GET /v1/orders?source="+
				SourceName+"&reference="+url.QueryEscape(in.Number)+" answers it"))
		return nil
	case p.Status == http.StatusBadRequest,
		p.Status == http.StatusRequestEntityTooLarge,
		p.Status == http.StatusUnprocessableEntity:
		im.reject(in.rejected(p.Code, reason(*p)))
		return nil
	}
	err := fmt.Errorf("import invoice %s: %w", in.Number, *p)
	if p.Status != http.StatusInternalServerError {
		return err
	}
	im.finish(func(*Summary) {
		if im.failed == nil {
			im.failed = err
		}
	})
	return nil
}

// rejected is the reject of a whole invoice.
func (in *Invoice) rejected(code, reason string) Reject {
	return Reject{Invoice: in.Number, Row: in.Row, Code: code, Reason: reason, file: in.files[0], files: in.files}
}

// reason returns what the service found, in one line.
func reason(p client.Problem) string {
	if len(p.Errors) == 0 {
		return p.Detail
	}
	text := p.Errors[0].Detail
	if pointer := p.Errors[0].Pointer; pointer != "" {
		text = pointer + " " + text
	}
	if more := len(p.Errors) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

func (im *importing) reject(r Reject) {
	if len(im.names) > 1 {
		r.Reason = filepath.Base(im.names[r.file]) + ": " + r.Reason
	}
	im.finish(func(s *Summary) {
		s.Rejects = append(s.Rejects, r)
		if r.Code == CodeCancelled {
			im.markUseful(r.files)
		}
	})
}

// markUseful notes that the files brought something. The caller holds mu.
func (im *importing) markUseful(files []int) {
	for _, i := range files {
		im.useful[i] = true
	}
}

// finish counts one invoice and reports progress.
func (im *importing) finish(count func(*Summary)) {
	im.mu.Lock()
	defer im.mu.Unlock()
	count(&im.summary)
	im.done++
	if im.options.Progress != nil {
		im.options.Progress(im.done, im.summary.Invoices)
	}
}
