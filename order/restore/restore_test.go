package restore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/order/restore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
)

// TestRun_TakesABaseWhoseRootIsDamaged flips bits of the page that has the names of the buckets, and of those pages
// that have the names of their buckets.
func TestRun_TakesABaseWhoseRootIsDamaged(t *testing.T) {
	const orders, step = 40, 101
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	place(t, base, orders)
	whole, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	damaged, complete, nothing := 0, 0, 0
	for _, at := range bucketPages(whole) {
		page := whole[at : at+pageSize]
		for bit := 0; bit < 8*used(page); bit += step {
			flipped := append([]byte(nil), whole...)
			flipped[at+bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(base, flipped, 0o600); err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(dir, fmt.Sprintf("order.%d.%d", at, bit))
			report, err := restore.Run(t.Context(), restore.Config{
				Data: data, Base: base, KeyRetention: time.Hour, OutboxRetention: time.Hour, Logger: zerolog.Nop(),
			})
			if errors.Is(err, boltdb.ErrDamaged) && strings.Contains(err.Error(), "nothing in the base") {
				nothing++
				continue
			}
			if err != nil {
				t.Errorf("bit %d of the page at %d: %v", bit, at, err)
				continue
			}
			if len(report.Base.Faults) > 0 {
				damaged++
			}
			if report.Base.Orders == orders {
				complete++
			}
			if err := open(t.Context(), data, nil); err != nil {
				t.Errorf("bit %d of the page at %d: the restored file: %v", bit, at, err)
			}
			if err := os.Remove(data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if t.Logf("%d damaged, %d with all orders, %d with nothing", damaged, complete, nothing); damaged < 10 ||
		complete < 10 || nothing > damaged {
		t.Error("the test shows little")
	}
}

const pageSize = 4096

// bucketPages returns where the leaf pages begin that hold buckets.
func bucketPages(file []byte) (at []int) {
	for p := 2 * pageSize; p < len(file); p += pageSize {
		page := file[p : p+pageSize]
		if flags := binary.LittleEndian.Uint16(page[8:]); flags != leafFlag {
			continue
		}
		for i := range int(binary.LittleEndian.Uint16(page[10:])) {
			if binary.LittleEndian.Uint32(page[16+16*i:]) == bucketFlag {
				at = append(at, p)
				break
			}
		}
	}
	return at
}

// As in a bbolt file.
const (
	leafFlag   = 2
	bucketFlag = 1
)

// used is how many bytes of a leaf page are in use.
func used(page []byte) int {
	last := 16 + 16*(int(binary.LittleEndian.Uint16(page[10:]))-1)
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(page[at:])) }
	return min(last+u32(last+4)+u32(last+8)+u32(last+12), len(page))
}

// place makes a file with that many orders.
func place(t *testing.T, path string, orders int) {
	t.Helper()
	err := open(t.Context(), path, func(store *orderstore.Store) error {
		for i := range orders {
			placed := time.Date(2026, 1, 2, 3, 4, i, 0, time.UTC)
			payload := event.Encode(&event.Order{
				Reference: fmt.Sprint(i), Currency: "GBP", Total: 510, PlacedAt: placed,
				Lines: []event.Line{{SKU: "85123A", Quantity: 2, UnitPrice: 255}},
			})
			if _, err := store.Place(t.Context(), &order.Request{
				Payload: payload, PlacedAt: placed, Reference: fmt.Sprint(i), Key: order.HashKey("", fmt.Sprint(i)),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// open opens the store of a file, uses it and closes it.
func open(ctx context.Context, path string, use func(*orderstore.Store) error) (err error) {
	db, err := boltdb.Open(path, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	box, err := outbox.Open(ctx, db, outbox.Config{Content: orderstore.Content})
	if err != nil {
		return err
	}
	store, err := orderstore.Open(ctx, db, box, clock.System{}, prometheus.NewRegistry())
	if err == nil && use != nil {
		err = use(store)
	}
	return err
}
