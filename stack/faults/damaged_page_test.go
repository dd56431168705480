package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/uuidv7"
	"ordertally/stack/stacktest"
)

// TestService_EndsWithOneLineWhenAPageOfItsFileIsDamaged expects exit code 1, one line that names the file and the
// check to run, and no stack of goroutines. The damaged page is read by a request, but not when the file is opened.
func TestService_EndsWithOneLineWhenAPageOfItsFileIsDamaged(t *testing.T) {
	orderPath, activityPath := stacktest.Programs(t)
	for _, service := range []struct {
		name, program string
		fill          func(t *testing.T) (path string)
		bucket        []string
		reads         func(key []byte) string
	}{
		{"order", orderPath, manyOrders, []string{"orders"},
			func(key []byte) string { return "/v1/orders/" + uuidv7.ID(key).String() }},
		{"activity", activityPath, manyStatistics, []string{"ORDER_CREATED", "bins"}, func([]byte) string {
			return "/v1/activities/ORDER_CREATED/days?from=2010-12-01&to=2011-01-20&tz=UTC"
		}},
	} {
		for _, with := range []byte{0, 0xff} {
			t.Run(fmt.Sprintf("%s %x", service.name, with), func(t *testing.T) {
				t.Parallel()
				data := service.fill(t)
				key := overwriteLeaf(t, data, with, service.bucket...)
				address := stacktest.FreePort(t)
				p := stacktest.Run(t, stacktest.Serving{Program: service.program, Args: []string{
					"serve", "--data", data, "--kafka", stacktest.Nowhere, "--listen", address, "--ops-listen",
					"127.0.0.1:0",
				}})
				clocktest.Eventually(t, "the service ends", func() bool {
					// until it listens there is no answer
					_, _ = stacktest.Get("http://" + address + service.reads(key))
					select {
					case <-p.Exited:
						return true
					default:
						return false
					}
				})
				text := p.Log()
				if code := p.Cmd.ProcessState.ExitCode(); code != 1 {
					t.Errorf("exit code %d", code)
				}
				if strings.Contains(text, "goroutine ") || strings.Contains(text, "panic") ||
					strings.Contains(text, "SIG") {
					t.Error("it has a stack")
				}
				last := text[strings.LastIndexByte(strings.TrimSpace(text), '\n')+1:]
				if !strings.Contains(last, data+" is damaged") ||
					!strings.Contains(last, "run `check --data "+data+"`") || strings.HasPrefix(last, "open ") {
					t.Errorf("the last line is %q", last)
				}
				if t.Failed() {
					t.Logf("the log:\n%s", text)
				}
			})
		}
	}
}

// manyOrders and manyStatistics make files with large trees. In a small tree, opening the file reads all leaves.
func manyOrders(t *testing.T) string {
	service := apitest.New(t, clock.System{})
	service.Start()
	shop, err := orders.New(client.Config{URL: service.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	draft := orders.OrderDraft{
		CustomerID: "c", Currency: "EUR", Lines: []orders.DraftLine{{SKU: "a", Quantity: 1, UnitPrice: 1}},
	}
	var running sync.WaitGroup
	for range 16 {
		running.Go(func() {
			for range 100 {
				if _, err := shop.PlaceOrder(t.Context(), orders.PlaceOrderParams{}, draft); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	service.Stop()
	return service.Path()
}

func manyStatistics(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "activity.db")
	db, err := boltdb.Open(path, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		t.Fatal(err)
	}
	store, err := activitystore.Open(t.Context(), db, activitytest.Orders(), activitystore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	batch := activity.Batch{}
	for n := range 4000 {
		id := fmt.Sprint(n)
		placed := activitytest.Order{ID: id, At: time.Date(2010, 12, 1, 0, 15*n, 0, 0, time.UTC), Items: 1, Units: 1,
			Currency: "EUR", Revenue: 1}
		batch.Messages = append(batch.Messages, activity.Message{ID: id, Offset: int64(n), Event: placed.Event()})
	}
	if _, err := store.Apply(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// overwriteLeaf overwrites a page of the closed file: the one with the record in the middle of a bucket. It returns
// that record's key.
func overwriteLeaf(t *testing.T, path string, with byte, bucket ...string) (middle []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size, found := db.Info().PageSize, 0
	err = db.View(func(tx *bbolt.Tx) error {
		records := tx.Bucket([]byte(bucket[0]))
		for _, name := range bucket[1:] {
			records = records.Bucket([]byte(name))
		}
		cursor := records.Cursor()
		key, value := cursor.First()
		for range records.Stats().KeyN / 2 {
			key, value = cursor.Next()
		}
		middle = bytes.Clone(key)
		for n := 2; n*size < len(file); n++ {
			info, err := tx.Page(n)
			if err != nil || info == nil {
				return err
			}
			if page := file[n*size : (n+1)*size]; info.Type == "leaf" &&
				bytes.Contains(page, slices.Concat(key, value)) {
				copy(page, bytes.Repeat([]byte{with}, size))
				found++
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close(), os.WriteFile(path, file, 0o600)); err != nil || found != 1 {
		t.Fatalf("%d pages have the record: %v", found, err)
	}
	return middle
}
