package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/brokertest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// TestActivity_ThatIsOnlyDeclaredCounts counts refunds that another program publishes, with a settings file and no line
// of code. They are plain JSON. Some come twice, and some are impossible.
func TestActivity_ThatIsOnlyDeclaredCounts(t *testing.T) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		const missing = "kcat is missing: install the Debian package kcat"
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal("REQUIRE_ALL=1, and " + missing)
		}
		t.Skip("SKIPPED: " + missing)
	}
	broker := kafka.ForTest(t).Addr()
	data := filepath.Join(t.TempDir(), "activity.db")
	serve := func(config string) *stacktest.Program {
		t.Helper()
		return stacktest.Serve(t, stacktest.Serving{
			Program: stacktest.ActivityProgram(t), Data: data, Kafka: broker, Args: []string{"--config", config},
		})
	}
	activity := serve("../../testdata/activities.yaml")

	now := time.Now().UTC().Truncate(time.Second)
	var lines bytes.Buffer
	cancel := func(id, order, reason string, amount int) {
		fmt.Fprintf(&lines, `{"type":"ORDER_REFUNDED","event_id":%q,"order_id":%q,"refunded_at":%q,`+
			`"reason":%q,"refund":{"amount":%d,"currency":"GBP"}}`+"\n",
			id, order, now.Format(time.RFC3339), reason, amount)
	}
	cancel("e1", "o1", "late", 1000)
	cancel("e2", "o2", "broken", 250)
	cancel("e3", "o2", "late", 50)
	cancel("e1", "o1", "late", 1000) // again
	cancel("e4", "o4", "late", 0)    // its refund is nothing
	lines.WriteString(`{"type":"ORDER_PRAISED","event_id":"e5"}` + "\n")
	brokertest.Create(t, broker, "order.refunded.v1", 6)
	publish := exec.Command(kcat, "-P", "-X", "enable.idempotence=true", "-b", broker, "-t", "order.refunded.v1", "-p",
		"1")
	publish.Stdin = &lines
	if output, err := publish.CombinedOutput(); err != nil {
		t.Fatalf("kcat: %v %s", err, output)
	}

	var today struct {
		Day, Tz       string
		Count, Orders int64
		Refunds       map[string]int64
		Dimensions    map[string][]map[string]any
		Lag           *int64
		First, Last   time.Time
		AsOf          struct{ Lagging bool } `json:"as_of"`
	}
	clocktest.Eventually(t, "the refunds are counted", func() bool {
		stacktest.GetJSON(t, activity.URL()+"/v1/activities/ORDER_REFUNDED/days/today", &today)
		return today.Count == 3 && today.Lag != nil && *today.Lag == 0
	})
	if today.Tz != "Asia/Kathmandu" || today.Orders != 2 || today.Refunds["GBP"] != 1300 || !today.First.Equal(now) ||
		!today.Last.Equal(now) {
		t.Errorf("got %+v", today)
	}
	want := `[{"count":2,"refunds":{"GBP":1050},"value":"late"},{"count":1,"refunds":{"GBP":250},"value":"broken"}]`
	if got, err := json.Marshal(today.Dimensions["reason"]); err != nil || string(got) != want {
		t.Errorf("reasons %s, %v\nwant    %s", got, err, want)
	}
	// The last message may come in a batch of its own, after the figures awaited above. The metrics count a batch after
	// its commit.
	var metrics string
	clocktest.Eventually(t, "the last message is parked", func() bool {
		metrics = stacktest.Text(t, "http://"+activity.Ops+"/metrics")
		return strings.Contains(metrics, `activity_poison_total{reason="unknown_type"} 1`+"\n")
	})
	for _, line := range []string{
		`activity_counted_total{activity="ORDER_REFUNDED"} 3`, `activity_counted_total{activity="ORDER_CREATED"} 0`,
		"activity_duplicates_total 1",
		"activity_parked_messages 2", `activity_poison_total{reason="impossible"} 1`,
	} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("/metrics has no %s", line)
		}
	}

	// The check predicts the same, and leaves no trace.
	tried, err := exec.Command(activity.Path, "config", "check", "--config", "../../testdata/activities.yaml",
		"--kafka",
		broker, "--data", data, "--try", "100").CombinedOutput()
	if err != nil {
		t.Errorf("config check --try: %v", err)
	}
	for _, says := range []string{
		"the settings are good\n", "ORDER_REFUNDED: of the last 6 records of topic order.refunded.v1, 3 would be " +
			"counted, 2 parked, 1 refused as duplicates (their ids occur before)\n",
		" 1 parked as impossible, such as the one at partition 1, offset 4: The refund.amount number 1 is 0, less " +
			"than 1.\n",
		" 1 parked as unknown_type, such as the one at partition 1, offset 5: ",
	} {
		if !strings.Contains(string(tried), says) {
			t.Errorf("config check --try does not say %s\n%s", says, tried)
		}
	}

	// Two are parked. With other rules, a refund of nothing becomes possible.
	if listed := refunds(t, activity, "parked", "ls", "-o", "ndjson"); strings.Count(listed, "\n") != 2 ||
		!strings.Contains(listed, `"class":"unknown_type"`) {
		t.Errorf("parked ls: %s", listed)
	}
	if done := refunds(t, activity, "parked", "retry",
		"--all"); done != "2 retried\n0 counted\n0 duplicate\n2 still_parked\n" {
		t.Errorf("parked retry: %s", done)
	}
	activity.Kill()
	declared, err := os.ReadFile("../../testdata/activities.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "lenient.yaml")
	if err := os.WriteFile(config, bytes.Replace(declared, []byte("refund.amount >= 1"), []byte("refund.amount >= 0"),
		1), 0o600); err != nil {
		t.Fatal(err)
	}
	activity = serve(config)
	if done := refunds(t, activity, "parked", "retry", "--all", "--reason",
		"refunds of nothing are possible"); done != "2 retried\n1 counted\n0 duplicate\n1 still_parked\n" {
		t.Errorf("parked retry: %s", done)
	}
	if done := refunds(t, activity, "parked", "discard", "--class", "unknown_type", "--reason",
		"praise is not counted",
		"-o", "json"); done != `{"discarded":1}`+"\n" {
		t.Errorf("parked discard: %s", done)
	}
	stacktest.GetJSON(t, activity.URL()+"/v1/activities/ORDER_REFUNDED/days/today", &today)
	if parked := stacktest.Metric(t, activity.Ops, "activity_parked_messages"); today.Count != 4 || parked != 0 {
		t.Errorf("%d are counted and %v parked", today.Count, parked)
	}
}

// refunds returns the output of a verb about the refunds.
func refunds(t *testing.T, p *stacktest.Program, args ...string) string {
	t.Helper()
	args = append(args, "--activity", "ORDER_REFUNDED", "--target", p.URL())
	output, err := exec.Command(p.Path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("activity %q: %v %s", args, err, output)
	}
	return string(output)
}

// TestSettingsFile_ThatIsWrongIsRefusedWithItsPlace checks that the error tells where the mistake is and what to write.
func TestSettingsFile_ThatIsWrongIsRefusedWithItsPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "activities.yaml")
	declared, err := os.ReadFile("../../testdata/activities.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(declared, []byte("sum(refund.amount)"), []byte("avg(refund.amount)"), 1),
		0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "ordertally/activity/cmd/activity", "serve", "--config", file)
	output, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "refunds") || !strings.Contains(string(output), "sum(path)") ||
		!strings.Contains(string(output), "exit status 2") {
		t.Errorf("%v: %s", err, output)
	}
}
