package activity_test

import (
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitytest"
)

// TestHours_AreThoseOfTheLocalClock checks days on which the clocks change, by an hour or half an hour, and zones off
// the hour.
func TestHours_AreThoseOfTheLocalClock(t *testing.T) {
	for _, c := range []struct {
		zone, day string
		hours     int
		first     string // of the first hour
	}{
		{"UTC", "2024-03-31", 24, "2024-03-31T00:00:00Z"},
		{"Europe/London", "2024-03-31", 23, "2024-03-31T00:00:00Z"},
		{"Europe/London", "2024-10-27", 25, "2024-10-27T00:00:00+01:00"},
		{"Asia/Kathmandu", "2024-05-05", 24, "2024-05-05T00:00:00+05:45"},
		{"America/St_Johns", "2024-03-10", 23, "2024-03-10T00:00:00-03:30"},
		// The clocks show 3:00 to 3:45, then 2:45 to 3:00 again, then all of 3:00.
		{"Pacific/Chatham", "2024-04-07", 26, "2024-04-07T00:00:00+13:45"},
		{"Australia/Lord_Howe", "2024-04-07", 25, "2024-04-07T00:00:00+11:00"}, // 1:00 twice, the second from 1:30
		{"Pacific/Apia", "2011-12-30", 0, ""},
	} {
		hours, err := activity.NewHours(zone(t, c.zone), date(t, c.day))
		if err != nil || len(hours.All()) != c.hours {
			t.Errorf("%s in %s: %d hours, %v", c.day, c.zone, len(hours.All()), err)
			continue
		}
		if c.hours > 0 && hours.All()[0].Starts.Format(time.RFC3339) != c.first {
			t.Errorf("%s in %s begins at %s", c.day, c.zone, hours.All()[0].Starts)
		}
	}
}

// TestHours_HaveTheirOrders counts an order in each quarter of a day of 25 hours and of the days around it.
func TestHours_HaveTheirOrders(t *testing.T) {
	z, day := zone(t, "Europe/London"), date(t, "2024-10-27")
	hours, err := activity.NewHours(z, day)
	if err != nil {
		t.Fatal(err)
	}
	for at := time.Date(2024, 10, 26, 0, 7, 0, 0,
		time.UTC); at.Before(time.Date(2024, 10, 29, 0, 0, 0, 0, time.UTC)); at = at.Add(15 * time.Minute) {
		totals := activitytest.Totals(activitytest.Order{At: at, Currency: "GBP"})
		hours.Add(activity.QuarterOf(at), &totals)
	}
	for _, hour := range hours.All() {
		if hour.Count != 4 || hour.First.Before(hour.Starts) || !hour.Last.Before(hour.Starts.Add(time.Hour)) {
			t.Errorf("%s: %d orders from %s to %s", hour.Starts, hour.Count, hour.First, hour.Last)
		}
	}
}
