package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"ordertally/client/orders"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/text/output"
)

func TestStatus_SaysHowTheServiceStandsWithKafka(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	service.PublishWithout("sick")
	parkSick(t, service, 2)
	var out bytes.Buffer
	clocktest.Eventually(t, "the relay is connected again", func() bool {
		out.Reset()
		if err := (&statusCmd{remote: remote{running{Target: service.URL}, output.Form{Output: "table"}}}).run(
			t.Context(),
			&out); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(out.String(), "up since")
	})
	for _, want := range []string{"kafka     up since ", "backlog   0 messages\n", "parked    2\n",
		"backup    no schedule",
		"lineage   " + service.Outbox.Lineage() + ", from sequence 1 on\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := (&statusCmd{remote: remote{running{Target: service.URL}, output.Form{Output: "json"}}}).run(t.Context(),
		&out); err != nil {
		t.Fatal(err)
	}
	var report orders.Report
	if err := json.Unmarshal(out.Bytes(), &report, json.RejectUnknownMembers(true)); err != nil || report.Parked != 2 ||
		report.Relay.State != "up" ||
		report.LastSequence != 2 || report.LogID == "" {
		t.Errorf("%v: %s", err, out.String())
	}
}
