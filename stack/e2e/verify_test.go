package e2e_test

import (
	"context"
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
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// TestVerify_NamesWhatDiffers compares both services with the operators' verb: when equal, while orders are placed,
// with parked orders, and with figures changed in the file.
func TestVerify_NamesWhatDiffers(t *testing.T) {
	dir, broker := t.TempDir(), devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()}).Addr()
	s := stacktest.StartServices(t, dir, broker)
	if summary, err := stacktest.ImportRealOrders(t.Context(), s.OrderURL(), retail.Options{}); err != nil ||
		summary.Placed != stacktest.RealOrders {
		t.Fatalf("placed %d orders, want %d: %v", summary.Placed, stacktest.RealOrders, err)
	}
	clocktest.Eventually(t, "every order is counted",
		func() bool { return stacktest.CountedRealOrders(t, s.ActivityURL()) == stacktest.RealOrders })
	declared, err := os.ReadFile("../../activity/declare/shipped.yaml")
	if err != nil {
		t.Fatal(err)
	}
	strict := stacktest.Serve(t, stacktest.Serving{
		Program: stacktest.ActivityProgram(t), Kafka: broker,
		Args: []string{"--activities", strings.Replace(string(declared), "    - id exists\n",
			"    - id exists\n    - total >= 1000000\n", 1)},
	})
	verify := func(target string) (string, error) {
		output, err := exec.Command(strict.Path, "verify", "--orders", s.OrderURL(), "--target",
			target).CombinedOutput()
		return string(output), err
	}
	if said, err := verify(s.ActivityURL()); err != nil ||
		!strings.Contains(said, fmt.Sprint(stacktest.RealOrders, " published orders on 3 days compared")) {
		t.Fatalf("%v: %s", err, said)
	}

	ctx, stop := context.WithCancel(t.Context())
	var placing sync.WaitGroup
	for range 4 {
		placing.Go(func() {
			for ctx.Err() == nil {
				s.Place(`{"sku":"a","quantity":1,"unit_price":5}`)
				<-time.After(20 * time.Millisecond)
			}
		})
	}
	said, err := verify(s.ActivityURL())
	stop()
	placing.Wait()
	if err != nil && !strings.Contains(said, "still changed") {
		t.Errorf("while orders are placed: %v: %s", err, said)
	}
	clocktest.Eventually(t, "nothing moves any more", func() bool {
		said, err = verify(s.ActivityURL())
		return err == nil
	})

	clocktest.Eventually(t, "the strict one has parked the small orders", func() bool {
		return stacktest.Lag(t, strict.Ops) == 0 && stacktest.Metric(t, strict.Ops, "activity_parked_messages") > 0
	})
	said, err = verify(strict.URL())
	if err == nil || !strings.Contains(said, "2010-12-01 differs:") || !strings.Contains(said, "were not counted") ||
		!strings.Contains(said, " is parked (impossible: The total") {
		t.Errorf("parked orders: %v: %.600s", err, said)
	}

	s.Stop()
	removeABin(t, filepath.Join(dir, "activity.db"))
	s.Start()
	said, err = verify(s.ActivityURL())
	if err == nil || !strings.Contains(said, "2010-12-01 differs:") ||
		!strings.Contains(said, "the figures are not theirs") || strings.Count(said, " differs:") != 1 {
		t.Errorf("a changed file: %v: %s", err, said)
	}
	if _, err := verify("http://" + s.Addresses.ActivityOps); err == nil {
		t.Error("a wrong service was compared")
	}
}

// removeABin removes the first quarter hour from the statistics.
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
