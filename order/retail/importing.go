package retail

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"ordertally/order"
	"ordertally/order/orderclient"
	"ordertally/shared/problem"
)

// importing is an import under way.
type importing struct {
	client  *orderclient.Client
	options Options

	mu      sync.Mutex
	summary Summary
	done    int
	failed  error // the first that did not end the import, or the one that did
}

// file places the orders of one file and returns when no request is under way any more.
func (im *importing) file(ctx context.Context, index int, prefix string, file File) error {
	for _, r := range file.Rejects {
		im.reject(r, index, prefix)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(im.options.Concurrency)
	for i := range file.Invoices {
		if groupCtx.Err() != nil {
			break
		}
		in := &file.Invoices[i]
		group.Go(func() error { return im.invoice(groupCtx, in, index, prefix) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// invoice places one order. An error ends the import.
func (im *importing) invoice(ctx context.Context, in *Invoice, index int, prefix string) error {
	body, err := order.EncodeDraft(&in.Draft)
	if err != nil {
		return fmt.Errorf("import invoice %s: %w", in.Number, err)
	}
	placed, err := im.client.Place(ctx, body, KeyPrefix+in.Number)
	if err == nil {
		im.finish(func(s *Summary) {
			if placed.Replayed {
				s.Replayed++
			} else {
				s.Placed++
			}
		})
		return nil
	}
	err = fmt.Errorf("import invoice %s: %w", in.Number, err)
	p, answered := errors.AsType[problem.Problem](err)
	switch {
	case !answered:
		return err
	case p.Status == http.StatusBadRequest, p.Status == http.StatusRequestEntityTooLarge, p.Status == http.StatusUnprocessableEntity:
		im.reject(Reject{Invoice: in.Number, Row: in.Row, Code: p.Code, Reason: reason(p)}, index, prefix)
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

// reason is what the service found, in one line.
func reason(p problem.Problem) string {
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

func (im *importing) reject(r Reject, index int, prefix string) {
	r.file, r.Reason = index, prefix+r.Reason
	im.finish(func(s *Summary) { s.Rejects = append(s.Rejects, r) })
}

// finish counts one invoice and tells of it.
func (im *importing) finish(count func(*Summary)) {
	im.mu.Lock()
	defer im.mu.Unlock()
	count(&im.summary)
	im.done++
	if im.options.Progress != nil {
		im.options.Progress(im.done, im.summary.Invoices)
	}
}
