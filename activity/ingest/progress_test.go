package ingest_test

import (
	"context"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/shared/clock/clocktest"
)

// blocked is a real store that lets nothing through before it is told to.
type blocked struct {
	activitystore.Stores
	entered, free chan struct{}
}

func (b *blocked) Apply(ctx context.Context, batches []*activity.Batch) ([][]activity.Verdict, error) {
	close(b.entered)
	<-b.free
	return b.Stores.Apply(ctx, batches)
}

// TestCheck_AnIngestThatStandsStillIsNotLive blocks the store, then has the source say that it is behind.
func TestCheck_AnIngestThatStandsStillIsNotLive(t *testing.T) {
	store := openStore(t)
	held := &blocked{alone(store), make(chan struct{}), make(chan struct{})}
	topic := newTopic()
	s := startWith(t, topic, store, held, ingest.Config{StallAfter: 50 * time.Millisecond})
	fails := func(what string) {
		t.Helper()
		clocktest.Eventually(s.t, what, func() bool { return s.in.Check(t.Context()) != nil })
	}
	passes := func(what string) {
		t.Helper()
		if err := s.in.Check(t.Context()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	topic.write(order(0, 0, "a"))
	<-held.entered
	passes("a commit has just begun")
	fails("a commit does not end")
	close(held.free)
	clocktest.Eventually(s.t, "it is counted", func() bool { return s.count() == 1 })
	clocktest.Eventually(s.t, "nothing is held any more", func() bool { return s.in.Check(t.Context()) == nil })

	topic.behind.Store(true)
	fails("there are records and none is fetched")
	topic.behind.Store(false)
	passes("nothing has moved for as long, and there is nothing to do")
	s.finish()
}
