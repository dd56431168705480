package output

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress_AppearsAfterASecondAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		quick := begin(&screen, "check order.db")
		<-time.After(patience - time.Millisecond)
		quick.Close()
		if screen.Len() > 0 {
			t.Errorf("shown of a quick command: %q", &screen)
		}
		p := begin(&screen, "import")
		p.Set(60, 240)
		<-time.After(2*time.Second + time.Millisecond)
		synctest.Wait()
		if shown := screen.String(); !strings.Contains(shown,
			"import ██████░░░░░░░░░░░░░░░░░░ 60 of 240, 2s, 6s left") {
			t.Errorf("shown: %q", shown)
		}
		p.Step("verify")
		p.Set(0, 0)
		<-time.After(time.Second)
		p.Close()
		p.Close()
		if shown := screen.String(); !strings.Contains(shown, "\rverify, 3s\x1b[K") ||
			!strings.HasSuffix(shown, "\r\x1b[K") {
			t.Errorf("shown: %q", shown)
		}
	})
}

func TestProgress_ShowsNothingOffATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := Begin(&out, "import")
		<-time.After(time.Minute)
		p.Close()
		if out.Len() > 0 {
			t.Errorf("shown: %q", &out)
		}
	})
}
