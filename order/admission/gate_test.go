package admission_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"ordertally/order/admission"
	"ordertally/shared/settings"
)

// rig is a gate with sources that the test sets.
type rig struct {
	*admission.Gate
	reg        *prometheus.Registry
	committing atomic.Int64
	syncTime   atomic.Int64
	free       atomic.Int64
	age        atomic.Int64
}

func start(t *testing.T, config admission.Config) *rig {
	r := &rig{reg: prometheus.NewRegistry()}
	r.free.Store(1 << 40)
	r.Gate = admission.New(config, admission.Sources{
		Committing: func() time.Duration { return time.Duration(r.committing.Load()) },
		SyncTime:   func() time.Duration { return time.Duration(r.syncTime.Load()) },
		DiskFree:   func() (int64, error) { return r.free.Load(), nil },
		BacklogAge: func() time.Duration { return time.Duration(r.age.Load()) },
	}, r.reg, zerolog.Nop())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _ = r.Run(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return r
}

// place makes a placement that takes d. It returns the reason of a refusal, or "".
func (r *rig) place(d time.Duration) admission.Reason {
	pass, err := r.Arrive("", 100, 1<<20)
	if err == nil {
		err = pass.Enter(100)
	}
	defer pass.Leave()
	if refusal, ok := errors.AsType[*admission.Refusal](err); ok {
		return refusal.Reason
	}
	<-time.After(d)
	return ""
}

// load places from n clients for d. Each places again once it is answered. The disk stores perSecond orders.
func (r *rig) load(n, perSecond int, d time.Duration) (admitted, refused int, slowest time.Duration) {
	var a, x, slow, busy atomic.Int64
	done := make(chan struct{})
	end := time.Now().Add(d)
	for range n {
		go func() {
			defer func() { done <- struct{}{} }()
			for time.Now().Before(end) {
				begin := time.Now()
				pass, err := r.Arrive("", 100, 1<<20)
				if err == nil {
					err = pass.Enter(100)
				}
				if err != nil {
					pass.Hold(context.Background(), nil, err)
					pass.Leave()
					x.Add(1)
					<-time.After(100 * time.Millisecond)
					continue
				}
				// wait for the placements inside
				<-time.After(time.Duration(busy.Add(1)) * time.Second / time.Duration(perSecond))
				busy.Add(-1)
				pass.Leave()
				a.Add(1)
				if took := int64(time.Since(begin)); time.Until(end) < d/2 {
					slow.Store(max(slow.Load(), took))
				}
			}
		}()
	}
	for range n {
		<-done
	}
	return int(a.Load()), int(x.Load()), time.Duration(slow.Load())
}

func TestGate_RefusesTheExcessWhenStoringIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, admission.Config{})
		admitted, refused, slowest := r.load(3000, 2000, 10*time.Second)
		t.Logf("%d admitted, %d refused, the slowest took %v", admitted, refused, slowest)
		if refused == 0 || refused > admitted*3/2 || slowest > 150*time.Millisecond || admitted < 10*2000/2 {
			t.Errorf("overload: %d admitted, %d refused, the slowest took %v", admitted, refused, slowest)
		}
		r.load(10, 2000, 5*time.Second) // the limit grows again
		if _, refused, _ := r.load(250, 2000, 5*time.Second); refused != 0 {
			t.Errorf("a load that can be stored: %d refused", refused)
		}
	})
}

// The disk's commits alone take longer than the configured latency.
func TestGate_RefusesNothingOnASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, admission.Config{})
		const commit = 40 * time.Millisecond
		r.syncTime.Store(int64(commit))
		var refused atomic.Int64
		ended := make(chan struct{})
		for range 300 {
			go func() {
				defer func() { ended <- struct{}{} }()
				for range 100 {
					if r.place(2*commit) != "" { // the running commit, and its own
						refused.Add(1)
					}
				}
			}()
		}
		for range 300 {
			<-ended
		}
		if n := refused.Load(); n != 0 {
			t.Errorf("%d of 30000 placements were refused", n)
		}
	})
}

func TestGate_RefusesWhileACommitHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, admission.Config{})
		r.committing.Store(int64(1900 * time.Millisecond))
		if reason := r.place(0); reason != "" {
			t.Errorf("a slow commit: %s", reason)
		}
		r.committing.Store(int64(2100 * time.Millisecond))
		if reason := r.place(0); reason != admission.Stalled {
			t.Errorf("a commit that hangs: %q", reason)
		}
	})
}

func TestGate_RefusesForDiskAndBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, admission.Config{FreeDisk: 1000, BacklogAge: time.Hour})
		for _, tc := range []struct {
			free int64
			age  time.Duration
			want admission.Reason
		}{{1000, time.Hour, ""}, {999, 0, admission.Disk}, {1 << 30, 0, ""},
			{1 << 30, time.Hour + 1, admission.Backlog}, {1000, 0, ""}} {
			r.free.Store(tc.free)
			r.age.Store(int64(tc.age))
			<-time.After(1500 * time.Millisecond)
			if reason := r.place(0); reason != tc.want {
				t.Errorf("%d bytes free, a backlog of %v: %q, want %q", tc.free, tc.age, reason, tc.want)
			}
		}
		want := `# HELP order_admission_refused_total Placements refused before anything was written, by reason.
# TYPE order_admission_refused_total counter
order_admission_refused_total{reason="backlog"} 1
order_admission_refused_total{reason="disk"} 1
order_admission_refused_total{reason="large_bodies"} 0
order_admission_refused_total{reason="overload"} 0
order_admission_refused_total{reason="stalled"} 0
`
		if err := testutil.GatherAndCompare(r.reg, strings.NewReader(want),
			"order_admission_refused_total"); err != nil {
			t.Error(err)
		}
	})
}

func TestConfig_RefusesValuesOutOfBounds(t *testing.T) {
	for _, tc := range []struct {
		config admission.Config
		want   string
	}{
		{admission.Config{Latency: -1}, "admission-latency: -1ns"},
		{admission.Config{Latency: 2 * time.Minute}, "admission-latency: 2m0s"},
		{admission.Config{FreeDisk: -2}, "admission-free-disk: -2"},
		{admission.Config{BacklogAge: -1}, "admission-backlog-age"},
	} {
		if err := settings.Complete(&tc.config, "admission-"); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc.config, err)
		}
	}
	if err := settings.Complete(&admission.Config{}, "admission-"); err != nil {
		t.Error(err)
	}
}
