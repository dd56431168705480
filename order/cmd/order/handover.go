package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"

	"ordertally/client"
	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

type handoverCmd struct {
	// Database file that is not served any more. It is only read.
	Data string `required:"" placeholder:"FILE"`
	remote
}

// Run writes to standard output what became of the file's orders.
func (c *handoverCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *handoverCmd) run(ctx context.Context, out io.Writer) error {
	service, err := c.Connect(client.Config{URL: c.Target}, orderNames)
	if err != nil {
		return err
	}
	defer service.Close()
	h := handing{service: service, out: out, format: c.Output, counts: map[order.HandoverResult]int{}}
	err = orderstore.ReadOffers(ctx, c.Data, func(file *orderstore.Offers) error {
		h.file = file
		if err := file.Each(ctx, func(f orderstore.Offered) error { return h.add(ctx, f) }); err != nil {
			return err
		}
		return h.ask(ctx)
	})
	if err != nil {
		return fmt.Errorf("hand %s over: %w; what was taken over is kept, and the command can be repeated", c.Data, err)
	}
	return h.sum()
}

// These bound a request, and what the command holds in memory.
const (
	handoverOffers = 500
	handoverBytes  = 3 << 20
)

// handing hands one file over. It asks first, by id, which orders the service lacks, and then sends those.
type handing struct {
	file    *orderstore.Offers
	service *client.Client
	out     io.Writer
	format  string
	asked   []orderstore.Offered
	counts  map[order.HandoverResult]int
	rows    int
}

// add asks about an order, together with others.
func (h *handing) add(ctx context.Context, f orderstore.Offered) error {
	if f.Err != nil {
		return h.note(&order.Verdict{ID: f.ID, Result: order.HandoverRefused, Reason: f.Err.Error()})
	}
	if f.SupersededBy != "" && len(h.asked) > 0 && h.asked[0].SupersededBy == "" {
		if err := h.ask(ctx); err != nil { // the order that superseded it comes first
			return err
		}
	}
	if h.asked = append(h.asked, f); len(h.asked) < handoverOffers {
		return nil
	}
	return h.ask(ctx)
}

func (h *handing) ask(ctx context.Context) error {
	if len(h.asked) == 0 {
		return nil
	}
	asked := h.asked
	h.asked = nil
	offers := make([]order.Offer, len(asked))
	for i := range asked {
		offers[i] = asked[i].Offer
	}
	verdicts, err := h.send(ctx, offers)
	if err != nil {
		return err
	}
	var wanted []order.Offer
	size := 0
	for i := range verdicts {
		if verdicts[i].Result != order.HandoverWanted {
			if err := h.note(&verdicts[i]); err != nil {
				return err
			}
			continue
		}
		placement, refusal := h.placement(&asked[i])
		if refusal != "" {
			err := h.note(&order.Verdict{ID: asked[i].ID, Result: order.HandoverRefused, Reason: refusal})
			if err != nil {
				return err
			}
			continue
		}
		if size += len(placement.Payload); size > handoverBytes && len(wanted) > 0 {
			if err := h.offer(ctx, wanted); err != nil {
				return err
			}
			wanted, size = nil, len(placement.Payload)
		}
		offers[i].Placement = placement
		wanted = append(wanted, offers[i])
	}
	return h.offer(ctx, wanted)
}

// placement returns what the service needs to store an order, or why it is not offered.
func (h *handing) placement(f *orderstore.Offered) (p *order.OfferedPlacement, refusal string) {
	if !f.MayOffer() {
		return nil, fmt.Sprintf("its message is %s, so it may have been counted, and the other service lacks it: make "+
			"that one's file from the topic first (order restore --from-topic)", f.State)
	}
	p, err := h.file.Placement(f.ID)
	if err != nil {
		return nil, err.Error()
	}
	return p, ""
}

func (h *handing) offer(ctx context.Context, offers []order.Offer) error {
	if len(offers) == 0 {
		return nil
	}
	verdicts, err := h.send(ctx, offers)
	if err != nil {
		return err
	}
	for i := range verdicts {
		if err := h.note(&verdicts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (h *handing) send(ctx context.Context, offers []order.Offer) ([]order.Verdict, error) {
	request := client.NewRequest(http.MethodPost, http.StatusOK, "/v1/orders:handover")
	request.Body = map[string][]order.Offer{"offers": offers}
	answer, err := client.Do[struct {
		Verdicts []order.Verdict `json:"verdicts"`
	}](ctx, h.service, request)
	if err != nil {
		return nil, err
	}
	verdicts := answer.Value.Verdicts
	for i := range offers {
		if len(verdicts) != len(offers) || verdicts[i].ID != offers[i].ID {
			return nil, fmt.Errorf("the service answered something else than what was asked (see --target)")
		}
	}
	return verdicts, nil
}

// note counts a verdict and writes it down.
func (h *handing) note(v *order.Verdict) error {
	h.counts[v.Result]++
	if v.Result == order.HandoverKnown {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h.rows++
	switch {
	case h.format == "ndjson":
		_, err = fmt.Fprintf(h.out, "%s\n", text)
	case h.format == "json" && h.rows == 1:
		_, err = fmt.Fprintf(h.out, `{"orders":[%s`, text)
	case h.format == "json":
		_, err = fmt.Fprintf(h.out, ",%s", text)
	case v.Result == order.HandoverSuperseded:
		_, err = fmt.Fprintf(h.out, "superseded  %s by %s\n", v.ID, v.SupersededBy)
	case v.Result == order.HandoverRefused:
		_, err = fmt.Fprintf(h.out, "refused  %s: %s\n", v.ID, v.Reason)
	}
	return err
}

// sum writes the totals. Refused orders make an error.
func (h *handing) sum() error {
	refused := h.counts[order.HandoverRefused]
	totals := fmt.Sprintf(`"adopted":%d,"superseded":%d,"known":%d,"refused":%d}`, h.counts[order.HandoverAdopted],
		h.counts[order.HandoverSuperseded], h.counts[order.HandoverKnown], refused)
	var err error
	switch {
	case h.format == "ndjson":
		_, err = fmt.Fprintf(h.out, "{%s\n", totals)
	case h.format == "json" && h.rows == 0:
		_, err = fmt.Fprintf(h.out, `{"orders":[],%s`+"\n", totals)
	case h.format == "json":
		_, err = fmt.Fprintf(h.out, "],%s\n", totals)
	default:
		_, err = fmt.Fprintf(h.out, "%d adopted, %d superseded, %d known, %d refused\n",
			h.counts[order.HandoverAdopted], h.counts[order.HandoverSuperseded], h.counts[order.HandoverKnown], refused)
	}
	if err == nil && refused > 0 {
		err = fmt.Errorf("%s refused: keep the file, the reasons are listed above", output.Count(refused, "order"))
	}
	return err
}
