package verify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ordertally/shared/event/setdigest"
)

// Each difference leads to its verb, with the times filled in.
func TestRemedies_NameTheVerbThatHeals(t *testing.T) {
	at := time.Date(2010, 12, 1, 8, 15, 0, 0, time.UTC)
	lacking := func(service string, placed ...time.Time) (missing []Missing) {
		for _, at := range placed {
			missing = append(missing, Missing{State: "unknown", Service: service, PlacedAt: at})
		}
		return missing
	}
	counts := func(stored, counted int64) Quarter {
		q := Quarter{Starts: at, Order: Figures{Count: stored}, Activity: Figures{Count: counted}}
		if stored != counted {
			q.Activity.Digest = setdigest.Of("another")
		}
		return q
	}
	with := func(q Quarter, missing []Missing) Quarter {
		q.Missing = missing
		return q
	}
	days := []time.Time{at.AddDate(0, 0, 9), at.Add(2 * time.Minute), at.Add(5 * time.Hour)}
	for name, c := range map[string]struct {
		q     Quarter
		whole bool
		want  []string
	}{
		"orders that activity lacks": {with(counts(3, 0), lacking("", days...)), true, []string{
			"order republish --placed-from 2010-12-01T08:15:00Z --placed-to 2010-12-01T13:30:00Z",
			"order republish --placed-from 2010-12-10T08:15:00Z --placed-to 2010-12-10T08:30:00Z"}},
		"orders of one of several services": {with(counts(1, 0), lacking("http://b", at)), true, []string{
			"order republish --target http://b --placed-from 2010-12-01T08:15:00Z --placed-to 2010-12-01T08:30:00Z"}},
		"parked": {with(counts(1, 0), []Missing{{State: "parked"}}), true,
			[]string{"activity parked retry --activity A --all"}},
		"late": {with(counts(1, 0), []Missing{{State: "late"}}), true,
			[]string{"activity late accept --activity A --all"}},
		"a conflict": {with(counts(1, 0), []Missing{{State: "conflict"}}), true,
			[]string{"activity conflicts ls --activity A"}},
		"counted, and order lacks it": {counts(1, 2), true,
			[]string{"order restore --data NEW --base FILE --from-topic"}},
		"the same orders, other figures": {Quarter{Starts: at, Order: Figures{Count: 1}, Activity: Figures{Count: 1}},
			true,
			[]string{"activity rebuild A"}},
		"not all looked at": {counts(9, 0), false, []string{"activity verify"}},
	} {
		var h remedies
		h.add(&c.q, c.whole)
		var verbs []string
		for _, line := range h.list("A") {
			verb, why, _ := strings.Cut(line, "   (")
			if verbs = append(verbs, verb); why == "" {
				t.Errorf("%s: no reason in %q", name, line)
			}
		}
		if !slices.Equal(verbs, c.want) {
			t.Errorf("%s: got %q, want %q", name, verbs, c.want)
		}
	}
}
