package retail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
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

// place places the orders. It returns when no request is running any more.
func (im *importing) place(ctx context.Context, r *Reading) {
	for i := range r.Rejects {
		im.reject(r.Rejects[i])
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(im.options.Concurrency)
	for i := range r.Invoices {
		if groupCtx.Err() != nil {
			break
		}
		in := &r.Invoices[i]
		group.Go(func() error { return im.invoice(groupCtx, in) })
	}
	err := group.Wait()
	if err == nil {
		err = ctx.Err()
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

// invoice places one order. An error ends the import.
func (im *importing) invoice(ctx context.Context, in *Invoice) error {
	placed, err := im.client.PlaceOrder(ctx, orders.PlaceOrderParams{IdempotencyKey: KeyPrefix + in.Number}, in.Draft)
	if err == nil && placed.Value.ID == "" {
		err = errors.New("the answer has no order: is it the order service's?")
	}
	if err == nil {
		im.finish(func(s *Summary) {
			im.markUseful(in.files)
			if placed.Replayed() {
				s.Replayed++
			} else {
				s.Placed++
			}
		})
		return nil
	}
	err = fmt.Errorf("import invoice %s: %w", in.Number, err)
	p, answered := errors.AsType[client.Problem](err)
	switch {
	case !answered:
		return err
	case client.HasCode(err, orders.ProblemCodeReferenceTaken, orders.ProblemCodeIdempotencyKeyReused):
		im.reject(Reject{
			Invoice: in.Number,
			Row:     in.Row,
			Code:    CodeChanged,
			file:    in.files[0],
			files:   in.files,
			Reason: "an earlier import placed the invoice with other rows; GET /v1/orders?source=" + SourceName +
				"&reference=" + url.QueryEscape(
				in.Number,
			) + " answers it",
		})
		return nil
	case p.Status == http.StatusBadRequest,
		p.Status == http.StatusRequestEntityTooLarge,
		p.Status == http.StatusUnprocessableEntity:
		im.reject(
			Reject{
				Invoice: in.Number,
				Row:     in.Row,
				Code:    p.Code,
				Reason:  reason(p),
				file:    in.files[0],
				files:   in.files,
			},
		)
		return nil
	case p.Status == http.StatusInternalServerError:
		im.finish(func(*Summary) {
			if im.failed == nil {
				im.failed = err
			}
		})
		return nil
	default:
		return err
	}
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
