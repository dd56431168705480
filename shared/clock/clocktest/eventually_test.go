package clocktest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/clock/clocktest"
)

// recorder is a testing.TB that records how it failed.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failure runs a test to its end and returns the message of its failure.
func failure(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		test(r)
	}()
	<-ended
	return r.said
}

func TestEventually_ReturnsOnceItIsTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, looks := time.Now(), 0
		said := failure(t, func(t testing.TB) {
			clocktest.Eventually(t, "a second has passed", func() bool {
				looks++
				return time.Since(began) >= time.Second
			})
		})
		if took := time.Since(began); said != "" || took > time.Second+10*time.Millisecond {
			t.Errorf("it took %s: %q", took, said)
		}
		if looks < 100 || looks > 110 {
			t.Errorf("it looked %d times within a second", looks)
		}
	})
}

func TestEventually_SeesAtOnceWhatIsTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		clocktest.Eventually(t, "always", func() bool { return true })
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
	})
}

func TestEventually_FailsAfterItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for limit, test := range map[time.Duration]func(t testing.TB){
			time.Minute: func(t testing.TB) { clocktest.Eventually(t, "pigs fly", func() bool { return false }) },
			time.Second: func(t testing.TB) {
				clocktest.Within(t, time.Second, "pigs fly", func() bool { return false })
			},
		} {
			began := time.Now()
			said := failure(t, test)
			if took := time.Since(began); took != limit || !strings.HasSuffix(said, ": pigs fly") {
				t.Errorf("after %s, want %s: %q", took, limit, said)
			}
		}
	})
}
