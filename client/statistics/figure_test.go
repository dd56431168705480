package statistics_test

import (
	"encoding/json"
	"testing"

	"ordertally/client/statistics"
)

func TestDay_KeepsTheFiguresOfADeclaredActivity(t *testing.T) {
	const text = `{"activity":"PAYMENT","count":2,"final":true,"tz":"UTC","a_later_release":null,` +
		`"visitors":18446744073709551616,"revenue":{"GBP":18446744073709551617},"as_of":{"offsets":{"0":7},` +
		`"lagging":false}}`
	var day statistics.Day
	if err := json.Unmarshal([]byte(text), &day); err != nil {
		t.Fatal(err)
	}
	visitors, revenue := day.AdditionalProperties["visitors"], day.AdditionalProperties["revenue"]
	if day.Count != 2 || day.Lag != nil || day.AsOf.Offsets["0"] != 7 || day.Hours != nil ||
		visitors.Number.String() != "18446744073709551616" || visitors.By != nil ||
		revenue.By["GBP"].String() != "18446744073709551617" || revenue.Number != nil {
		t.Errorf("%+v", day)
	}
	again, err := json.Marshal(day)
	if err != nil {
		t.Fatal(err)
	}
	var same statistics.Day
	if err := json.Unmarshal(again, &same); err != nil ||
		same.AdditionalProperties["visitors"].Number.Cmp(visitors.Number) != 0 {
		t.Errorf("%s, %v", again, err)
	}
}
