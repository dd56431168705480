package ingest

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"ordertally/shared/event"
	"ordertally/shared/cloudevent"
)

type order2 struct {
	order
	Lines lines2 `json:"lines"`
}

type lines2 struct {
	n, units, total int64
}

func (l *lines2) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return fmt.Errorf("x %w", err)
	}
	for dec.PeekKind() == '{' {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		var q, u int64
		for dec.PeekKind() == '"' {
			name, err := dec.ReadValue()
			if err != nil {
				return err
			}
			var to *int64
			switch string(name) {
			case `"quantity"`:
				to = &q
			case `"unit_price"`:
				to = &u
			default:
				if err := dec.SkipValue(); err != nil {
					return err
				}
				continue
			}
			tok, err := dec.ReadToken()
			if err != nil {
				return err
			}
			*to, err = tok.Int()
			if err != nil {
				return err
			}
		}
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		l.n++
		l.units += q
		l.total += q * u
	}
	_, err := dec.ReadToken()
	return err
}

func BenchmarkZZ(b *testing.B) {
	for _, n := range []int{3, 20} {
		o := anOrder()
		for len(o.Lines) < n {
			o.Lines = append(o.Lines, event.Line{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255})
		}
		o.Total = int64(n-1) * 1530
		p := event.Encode(o)
		d := decoder{def: def}
		b.Run(fmt.Sprint("payload", n), func(b *testing.B) {
			for b.Loop() {
				if _, x := d.payload(p, written); x != nil {
					b.Fatal(x)
				}
			}
		})
		b.Run(fmt.Sprint("lines2", n), func(b *testing.B) {
			for b.Loop() {
				var o order2
				if err := json.Unmarshal(p, &o); err != nil {
					b.Fatal(err)
				}
			}
		})
		opt := json.JoinOptions(jsontext.AllowDuplicateNames(true))
		b.Run(fmt.Sprint("dupok", n), func(b *testing.B) {
			for b.Loop() {
				var o order2
				if err := json.Unmarshal(p, &o, opt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	h := envelope("01890a5d-ac96-774b-8000-a8b45f0c6d21")
	h.Lineage, h.Sequence = "01890a5d-ac96-774b-8000-a8b45f0c6d21", 4
	hs := h.Headers()
	b.Run("envelope", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := cloudevent.Parse(hs); err != nil {
				b.Fatal(err)
			}
		}
	})
}
