package admission_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/order/admission"
)

func overloaded(err error) bool {
	refusal, ok := errors.AsType[*admission.Refusal](err)
	return ok && refusal.Reason == admission.Overload
}

// Placements whose bodies are still arriving count, until their clients prove to be slow.
func TestGate_DoesNotLetInTheFirstMomentOfAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, admission.Config{})
		synctest.Wait() // the gate's windows begin here
		let := 0
		for range 2000 {
			if _, err := r.Arrive("", 100, 1<<20); err == nil { // and sends nothing
				let++
			} else if !overloaded(err) {
				t.Fatal(err)
			}
		}
		if let != 512 {
			t.Errorf("%d were let in at once, want 512", let)
		}
		<-time.After(250 * time.Millisecond)
		if pass, err := r.Arrive("", 100, 1<<20); err != nil {
			t.Errorf("beside clients that send slowly: %v", err)
		} else if err := pass.Enter(100); err != nil {
			t.Errorf("beside clients that send slowly: %v", err)
		}
	})
}

// A few are let in, however long they are.
func TestGate_CountsLongOrdersMore(t *testing.T) {
	for _, tc := range []struct {
		length, most int
	}{{100, 512}, {8<<10 - 1, 512}, {8 << 10, 256}, {42 << 10, 86}, {1 << 20, 16}} {
		g := admission.Unlimited()
		var inside []*admission.Pass
		for {
			pass, err := g.Arrive("", int64(min(tc.length, 64<<10)), 1<<20) // so that no large body is refused first
			if err == nil {
				err = pass.Enter(tc.length)
			}
			if overloaded(err) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			inside = append(inside, pass)
		}
		if len(inside) != tc.most {
			t.Errorf("%d of %d bytes are let in, want %d", len(inside), tc.length, tc.most)
		}
		for i := range inside {
			inside[i].Placed()
			inside[i].Leave()
		}
		if pass, err := g.Arrive("", 100, 1<<20); err != nil || pass.Enter(100) != nil {
			t.Errorf("after those of %d bytes: %v", tc.length, err)
		}
	}
}

// Clients that send no bodies must not raise the limit for a later flood.
func TestGate_DoesNotRaiseTheLimitForHeadersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, admission.Config{})
		for range 30 {
			for range 400 {
				pass, _ := r.Arrive("", 100, 1<<20)
				pass.Leave()
			}
			for range 400 {
				_, _ = r.Arrive("", 100, 1<<20)
			}
			<-time.After(100 * time.Millisecond)
		}
		<-time.After(250 * time.Millisecond)
		let := 0
		for range 5000 {
			if _, err := r.Arrive("", 100, 1<<20); err == nil {
				let++
			}
		}
		if let != 512 {
			t.Errorf("%d were let in at once, want 512", let)
		}
	})
}

// The bodies arrive a round trip after the headers, so few placements are inside at once. All can be stored, so the
// gate must learn to let all in.
func TestGate_RaisesTheLimitForBodiesThatComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, admission.Config{})
		const clients = 1500
		var stored, refused atomic.Int64
		ended := make(chan struct{})
		begin := time.Now()
		for range clients {
			go func() {
				defer func() { ended <- struct{}{} }()
				for time.Since(begin) < 20*time.Second {
					pass, err := r.Arrive("", 100, 1<<20)
					if err == nil {
						<-time.After(80 * time.Millisecond)
						err = pass.Enter(100)
					}
					if err == nil {
						<-time.After(3 * time.Millisecond)
					}
					pass.Leave()
					late := time.Since(begin) > 10*time.Second
					switch {
					case err != nil:
						if late {
							refused.Add(1)
						}
						<-time.After(time.Second)
					case late:
						stored.Add(1)
					}
				}
			}()
		}
		for range clients {
			<-ended
		}
		t.Logf("%d stored, %d refused", stored.Load(), refused.Load())
		if refused.Load()*100 > stored.Load() {
			t.Errorf("%d refused of a load that can be stored, %d stored", refused.Load(), stored.Load())
		}
	})
}
