package outbox_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// slow makes each transaction take a while. It records when each began to be committed, and with how many messages.
func (r *rig) slow(takes time.Duration) (transactions func() string) {
	began := time.Now()
	var list []string
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing && len(records) > 0 {
			list = append(list, time.Since(began).String()+":"+strings.Join(values(records), ""))
			<-time.After(takes)
		}
		return nil
	})
	return func() string {
		synctest.Wait()
		return strings.Join(list, " ")
	}
}

// The times are exact, because the clock of a synctest bubble moves only while all goroutines wait.

func TestRelay_GathersMessagesUnderLoad(t *testing.T) {
	for name, tc := range map[string]struct {
		takes  time.Duration
		change func(*rig)
		awaits uint64
		place  []string // one every 3 ms
		want   string
	}{
		"as long as a transaction takes": {
			takes: 8 * time.Millisecond, place: []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"},
			want: "0s:a 16ms:bcdef 32ms:ghij",
		},
		"8 ms at most": {
			takes: 30 * time.Millisecond, place: []string{"a", "b"}, want: "0s:a 38ms:b",
		},
		"not for a lone message": {
			takes: time.Millisecond, place: []string{"a", "b", "c"}, want: "0s:a 3ms:b 6ms:c",
		},
		"not while somebody waits for one": {
			takes: 8 * time.Millisecond, place: []string{"a", "b", "c", "d"}, awaits: 2, want: "0s:a 8ms:bc 24ms:d",
		},
		"not after a full transaction": {
			takes: 8 * time.Millisecond, change: func(r *rig) { r.relay.BatchMessages = 2 },
			place: []string{"a", "b", "c", "d"}, want: "0s:a 8ms:bc 16ms:d",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				if tc.change != nil {
					r.close()
					tc.change(r)
					r.open()
				}
				r.start()
				<-time.After(time.Minute)
				transactions := r.slow(tc.takes)
				var answer <-chan outbox.Ack
				for i, key := range tc.place {
					if i > 0 {
						<-time.After(3 * time.Millisecond)
					}
					r.place(key)
					if tc.awaits == uint64(i)+1 {
						answer = r.awaits(tc.awaits)
					}
				}
				exactlyOnce(t, r.await(len(tc.place)))
				if got := transactions(); got != tc.want {
					t.Errorf("transactions at %s, want %s", got, tc.want)
				}
				if answer != nil && <-answer != outbox.Committed {
					t.Error("not committed")
				}
			})
		})
	}
}

// A backlog that is longer than a transaction is no load that comes and goes.
func TestRelay_DoesNotGatherABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.close()
		r.relay.BatchMessages = 2
		r.open()
		keys := []string{"a", "b", "c", "d", "e"}
		r.place(keys...)
		transactions := r.slow(8 * time.Millisecond)
		r.start()
		exactlyOnce(t, r.await(len(keys)))
		if got := transactions(); !slices.Equal(strings.Fields(got), []string{"0s:ab", "8ms:cd", "16ms:e"}) {
			t.Errorf("transactions at %s", got)
		}
	})
}
