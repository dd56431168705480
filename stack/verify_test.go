package stack_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/order/retail"
)

// TestVerify compares both services by the operators' verb: equal, equal while orders are placed, orders that were
// parked, figures that were changed in the file.
func TestVerify(t *testing.T) {
	dir, broker := t.TempDir(), startDevBroker(t)
	s := startServices(t, dir, broker)
	if summary, err := importDays(t.Context(), s.orderURL(), retail.Options{}); err != nil ||
		summary.Placed != allOrders {
		t.Fatalf("placed %d orders, want %d: %v", summary.Placed, allOrders, err)
	}
	eventually(t, time.Minute, "every order is counted",
		func() bool { return counted(t, s.activityURL()) == allOrders })
	declared, err := os.ReadFile("../activity/declare/order_created.yaml")
	if err != nil {
		t.Fatal(err)
	}
	strict := serveActivity(t, filepath.Join(t.TempDir(), "strict.db"), broker, "--activities",
		string(declared)+"    - total >= 1000000\n")
	verify := func(target string) (string, error) {
		output, err := exec.Command(strict.path, "verify", "--orders", s.orderURL(), "--target",
			target).CombinedOutput()
		return string(output), err
	}
	if said, err := verify(s.activityURL()); err != nil ||
		!strings.Contains(said, fmt.Sprint(allOrders, " published orders on 3 days compared")) {
		t.Fatalf("%v: %s", err, said)
	}

	stop := make(chan struct{})
	var placing sync.WaitGroup
	for range 4 {
		placing.Go(func() {
			for !isClosed(stop) {
				place(t, s, `{"sku":"a","quantity":1,"unit_price":5}`)
				<-time.After(20 * time.Millisecond)
			}
		})
	}
	said, err := verify(s.activityURL())
	close(stop)
	placing.Wait()
	if err != nil && !strings.Contains(said, "in motion") {
		t.Errorf("while orders are placed: %v: %s", err, said)
	}
	eventually(t, time.Minute, "nothing moves any more", func() bool {
		said, err = verify(s.activityURL())
		return err == nil
	})

	eventually(t, time.Minute, "the strict one has parked the small orders", func() bool {
		return lag(t, strict.ops) == 0 && metric(t, strict.ops, "activity_parked_messages") > 0
	})
	said, err = verify(strict.url)
	if err == nil || !strings.Contains(said, "2010-12-01 differs:") || !strings.Contains(said, "were not counted") ||
		!strings.Contains(said, " is parked (impossible: The total") {
		t.Errorf("parked orders: %v: %.600s", err, said)
	}

	s.stop()
	removeABin(t, filepath.Join(dir, "activity.db"))
	s.start()
	said, err = verify(s.activityURL())
	if err == nil || !strings.Contains(said, "2010-12-01 differs:") ||
		!strings.Contains(said, "the figures are not theirs") || strings.Count(said, " differs:") != 1 {
		t.Errorf("a changed file: %v: %s", err, said)
	}
	if _, err := verify("http://" + s.addresses.activityOps); err == nil {
		t.Error("a wrong service was compared")
	}
}

func isClosed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// removeABin takes the first quarter hour out of the statistics.
func removeABin(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		bins := tx.Bucket([]byte("ORDER_CREATED")).Bucket([]byte("bins"))
		key, _ := bins.Cursor().First()
		return bins.Delete(key)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
