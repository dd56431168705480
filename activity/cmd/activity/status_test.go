package main

import (
	"strings"
	"testing"

	"ordertally/shared/text/output"
)

func TestStatus_SaysHowTheServiceStandsWithKafka(t *testing.T) {
	const counts = `"topic":"t","measures":[],"dimensions":[],"parked":2,"late":1,"conflicts":0,`
	for name, c := range map[string]struct {
		kafka string
		want  []string
	}{
		"well": {
			`"lag_by_partition":{"0":3,"1":4},"counted_through":"2026-03-02T10:00:00Z",` +
				`"kafka":{"state":"up","since":"2026-03-02T09:00:00Z"}`,
			[]string{"kafka          up since 2026-03-02", "ORDER_CREATED  7 messages to count\n",
				"all that Kafka had at 2026-03-02", "parked 2, late 1, conflicts 0\n"},
		},
		"Kafka is away": {
			`"lag_by_partition":{"0":0},"kafka":{"state":"down","since":"2026-03-02T09:00:00Z","error":"refused"}`,
			[]string{"kafka          down since 2026-03-02", "               refused\n",
				"ORDER_CREATED  how many messages wait to be counted is not known\n"},
		},
	} {
		url, _ := canned(t, map[string]string{
			"/v1/activities": `{"activities":[{"name":"ORDER_CREATED",` + counts + c.kafka + `}]}`,
		})
		var out strings.Builder
		verb := statusCmd{running: running{Target: url}, Form: output.Form{Output: "table"}}
		if err := verb.run(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, &out)
			}
		}
	}
}
