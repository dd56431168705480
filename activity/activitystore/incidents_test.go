package activitystore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ordertally/activity"
)

func (f *file) incidents(limit int) []activity.Incident {
	f.t.Helper()
	found, err := f.Incidents(f.t.Context(), limit)
	if err != nil {
		f.t.Fatal(err)
	}
	return found
}

// TestIncidents_AreKeptWithTheBatchThatFoundThem has an incident of the topic and messages of another program in one
// batch. A rebuild, which finds the same again, adds none.
func TestIncidents_AreKeptWithTheBatchThatFoundThem(t *testing.T) {
	f := newFile(t)
	if found := f.incidents(10); len(found) != 0 {
		t.Errorf("of a new file: %v", found)
	}
	forged := slotted("forged", 1<<62, 0)
	forged.Previous = 0
	b := batch(3, forged, slotted("a", 1, 1), slotted("b", 2, 2))
	b.Incidents = []activity.Incident{{Kind: activity.IncidentRecreated, Partition: 4, Offset: 17, Text: "made again"}}
	f.apply(b)
	f.clock.Advance(time.Hour)
	f.apply(batch(4, slotted("c", 3, 3))) // covered as well
	rebuild := f.rebuild()
	f.again(rebuild, b)
	f.close()
	f.open()
	found := f.incidents(10)
	if len(found) != 3 {
		t.Fatalf("%d incidents: %+v", len(found), found)
	}
	last, second, first := found[0], found[1], found[2]
	if !last.At.Equal(noon.Add(time.Hour)) || last.Kind != activity.IncidentForged || last.Offset != 3 {
		t.Errorf("the newest is %+v", last)
	}
	if second.Kind != activity.IncidentForged || second.Messages != 2 || second.Offset != 1 ||
		!strings.Contains(second.Text, `message "a"`) {
		t.Errorf("of the forged slot: %+v", second)
	}
	want := b.Incidents[0]
	want.At = noon
	if first != want {
		t.Errorf("of the topic: %+v, want %+v", first, want)
	}
	if newest := f.incidents(1); len(newest) != 1 || newest[0] != last {
		t.Errorf("the newest one: %+v", newest)
	}
	f.sound()
}

// TestIncidents_TheOldestGoFirst stores more than are kept.
func TestIncidents_TheOldestGoFirst(t *testing.T) {
	f := newFile(t)
	const kept, all = 1000, 1005
	b := batch(1, message("a", 0, noon, 100))
	for i := range all {
		b.Incidents = append(b.Incidents, activity.Incident{Kind: activity.IncidentExpired, Text: fmt.Sprint(i)})
	}
	f.apply(b)
	found := f.incidents(all)
	if len(found) != kept || found[0].Text != "1004" || found[kept-1].Text != "5" {
		t.Errorf("%d incidents", len(found))
	}
	f.sound()
}
