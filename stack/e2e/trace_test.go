package e2e_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// TestOrderTrace_FollowsAnOrderThroughBothServices follows one order with the operators' verb, even while one service
// is down.
func TestOrderTrace_FollowsAnOrderThroughBothServices(t *testing.T) {
	dev := devbrokertest.Start(t, devbroker.Config{})
	s := stacktest.StartServices(t, t.TempDir(), dev.Addr())
	program := stacktest.OrderProgram(t)
	trace := func(id string, more ...string) (text string, exit int) {
		t.Helper()
		args := append([]string{"trace", id, "--target", s.OrderURL(), "--activity-target", s.ActivityURL()}, more...)
		output, err := exec.Command(program, args...).CombinedOutput()
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		if ended != nil {
			exit = ended.ExitCode()
		}
		return string(output), exit
	}
	var acked stacktest.Acknowledged
	for range 3 {
		if !acked.Place(s.OrderURL()) {
			t.Fatal("an order was not placed")
		}
	}
	clocktest.Eventually(t, "all are counted", func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == 3 })
	id := acked.IDs[1]
	var text string
	// the place is recorded behind the relay's back
	clocktest.Within(t, 20*time.Second, "the trace is whole", func() bool {
		text, _ = trace(id)
		return strings.Contains(text, " offset ")
	})
	for _, want := range []string{"committed  ", "published  ", "counted  ", "order.activity.v1 partition ",
		"attempts 1", id} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	t.Logf("order trace says\n%s", text)
	text, exit := trace(id, "-o", "ndjson")
	var whole struct {
		Delivery struct {
			MessageID string `json:"message_id"`
		} `json:"delivery"`
		Counting struct {
			State     string    `json:"state"`
			CountedAt time.Time `json:"counted_at"`
		} `json:"counting"`
		Counted *float64 `json:"committed_to_counted_seconds"`
	}
	if err := json.Unmarshal([]byte(text), &whole); err != nil || exit != 0 || whole.Counting.State != "counted" ||
		time.Since(whole.Counting.CountedAt) > time.Minute || whole.Delivery.MessageID == "" || whole.Counted == nil {
		t.Errorf("exit %d, %v: %s", exit, err, text)
	}
	if text, exit := trace("01890a5d-ac96-774b-8000-a8b45f0c6d21"); exit != 1 ||
		!strings.Contains(text, "no such order") {
		t.Errorf("an unknown order: exit %d: %s", exit, text)
	}
	if text, exit := trace(id, "--activity-target", "nowhere"); exit != 2 {
		t.Errorf("a target that is none: exit %d: %s", exit, text)
	}
	if text, exit := trace(id, "--activity-target", "http://"+stacktest.FreePort(t)); exit != 1 ||
		!strings.Contains(text, "published  ") || !strings.Contains(text, "did not answer") {
		t.Errorf("without the activity service: exit %d: %s", exit, text)
	}
	stacktest.GetJSON(t, s.ActivityURL()+"/v1/activities/ORDER_CREATED/messages/unknown", &whole.Counting)
	if whole.Counting.State != "unknown" {
		t.Errorf("a message that nobody sent: %+v", whole.Counting)
	}
}
