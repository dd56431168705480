package order_test

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/go-json-experiment/json"

	"ordertally/order"
	"ordertally/shared/event"
)

// Two orders made of few texts and numbers are often equal, and often nearly equal.
func TestHashRequest_DiffersExactlyWhenValuesDo(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "b", "ab", "a\x01"})
	number := rapid.SampledFrom([]int64{0, 1, 64, 1 << 40})
	draft := rapid.Custom(func(t *rapid.T) order.Draft {
		d := order.Draft{Source: text.Draw(t, "source"), Reference: text.Draw(t, "reference"),
			CustomerID: text.Draw(t, "customer"), Currency: "EUR"}
		if at := number.Draw(t, "at"); at > 0 {
			d.PlacedAt = time.Unix(at>>8, at&1)
		}
		for range rapid.IntRange(1, 2).Draw(t, "lines") {
			d.Lines = append(d.Lines, event.Line{
				SKU: text.Draw(t, "sku"), Description: text.Draw(t, "description"),
				Quantity: number.Draw(t, "quantity"), UnitPrice: number.Draw(t, "price"),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "entries") {
			if d.Metadata == nil {
				d.Metadata = map[string]string{}
			}
			d.Metadata[text.Draw(t, "key")] = text.Draw(t, "value")
		}
		return d
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draft.Draw(t, "a"), draft.Draw(t, "b")
		c := a // like a except for one thing, because random drafts would hardly ever be alike
		switch rapid.IntRange(0, 7).Draw(t, "what") {
		case 0:
		case 1:
			c.Source, c.Reference = a.Reference, a.Source
		case 2:
			c.CustomerID = b.CustomerID
		case 3:
			c.Lines = append([]event.Line(nil), a.Lines...)
			l, other := &c.Lines[len(c.Lines)-1], b.Lines[0]
			switch rapid.IntRange(0, 3).Draw(t, "of a line") {
			case 0:
				l.SKU = other.SKU
			case 1:
				l.Description = other.Description
			case 2:
				l.Quantity = other.Quantity
			default:
				l.UnitPrice = other.UnitPrice
			}
		case 4:
			c.Metadata = b.Metadata
		case 6:
			c.Lines = b.Lines
		case 5:
			c.PlacedAt = b.PlacedAt
		default:
			c = b
		}
		x, err := json.Marshal(&a, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		y, err := json.Marshal(&c, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		if same := order.HashRequest(&a) == order.HashRequest(&c); same != bytes.Equal(x, y) {
			t.Fatalf("the hashes are equal: %v, of %s and %s", same, x, y)
		}
	})
}
