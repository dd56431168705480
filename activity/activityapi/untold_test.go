package activityapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestRange_AnswersTheOtherDaysWhenOneCannotBeTold asks for ranges with unavailable days: a quarter hour has two dates,
// or the zone is off the quarter hour. Every other day has its order. The unavailable ones have no figures.
func TestRange_AnswersTheOtherDaysWhenOneCannotBeTold(t *testing.T) {
	for _, c := range []struct {
		zone, from, to string
		days           int
		untold         []string
		order          string // of the last day of the range
		says           string
	}{
		{"America/St_Johns", "2010-11-01", "2010-12-31", 61, []string{"2010-11-06", "2010-11-07"},
			"2010-12-31T16:00:00Z", "2010-11-07T02:30:00Z"},
		{"America/Goose_Bay", "2009-10-30", "2009-11-02", 4, []string{"2009-10-31", "2009-11-01"},
			"2009-11-02T16:00:00Z", "America/Goose_Bay"},
		{"America/Moncton", "2005-10-28", "2005-11-05", 9, []string{"2005-10-29", "2005-10-30"}, "2005-11-05T16:00:00Z",
			"America/Moncton"},
		{"Africa/Monrovia", "1972-01-05", "1972-01-09", 5, []string{"1972-01-05", "1972-01-06", "1972-01-07"},
			"1972-01-09T12:00:00Z", "-00:44:30"},
	} {
		s := newServer(t)
		s.order("a", c.order, "GBP", 700)
		var answer struct {
			Days []struct {
				Day         string
				Count       *int64
				Revenue     map[string]int64
				Unavailable string
			}
		}
		query := "?tz=" + c.zone + "&from=" + c.from + "&to=" + c.to
		if err := json.Unmarshal([]byte(s.get(days+query)), &answer); err != nil {
			t.Fatal(err)
		}
		var untold []string
		for i, day := range answer.Days {
			if day.Unavailable != "" {
				untold = append(untold, day.Day)
				if day.Count != nil || !strings.Contains(day.Unavailable, c.says) {
					t.Errorf("%s %s: count %v, %q does not say %s", c.zone, day.Day, day.Count, day.Unavailable, c.says)
				}
				continue
			}
			if want := int64(i / (c.days - 1)); day.Count == nil || *day.Count != want {
				t.Errorf("%s %s: count %v, want %d", c.zone, day.Day, day.Count, want)
			}
		}
		if len(answer.Days) != c.days || strings.Join(untold, " ") != strings.Join(c.untold, " ") ||
			answer.Days[c.days-1].Revenue["GBP"] != 700 {
			t.Errorf("%s: %d days, %q cannot be told", c.zone, len(answer.Days), untold)
		}
		for _, day := range c.untold {
			for _, path := range []string{days + "/" + day, days + "/" + day + "/minutes"} {
				if response := s.do(http.MethodGet,
					path+"?tz="+c.zone); response.StatusCode != http.StatusUnprocessableEntity {
					t.Errorf("%s in %s: %s", path, c.zone, response.Status)
				}
			}
		}
	}
}

// TestRange_MarksThePeriodsThatLackDays groups by month and week. A period is marked as partial, and names its
// unavailable days.
func TestRange_MarksThePeriodsThatLackDays(t *testing.T) {
	s := newServer(t)
	s.order("a", "2010-11-05T16:00:00Z", "GBP", 100)
	s.order("b", "2010-11-07T16:00:00Z", "GBP", 30) // of an unavailable day
	s.order("c", "2010-12-07T16:00:00Z", "GBP", 5)
	type period struct {
		Month, Week string
		Count       int64
		Revenue     map[string]int64
		Partial     bool
		Unavailable []string
		Stats       map[string]any
	}
	var answer struct{ Months, Weeks []period }
	if err := json.Unmarshal([]byte(s.get(days+"?tz=America/St_Johns&from=2010-11-01&to=2010-12-31&by=month")),
		&answer); err != nil {
		t.Fatal(err)
	}
	november, december := answer.Months[0], answer.Months[1]
	if november.Count != 1 || november.Revenue["GBP"] != 100 || !november.Partial ||
		strings.Join(november.Unavailable, " ") != "2010-11-06 2010-11-07" || november.Stats == nil {
		t.Errorf("November: %+v", november)
	}
	if december.Count != 1 || december.Revenue["GBP"] != 5 || december.Partial || december.Unavailable != nil {
		t.Errorf("December: %+v", december)
	}
	if err := json.Unmarshal([]byte(s.get(days+"?tz=America/Goose_Bay&from=2009-10-30&to=2009-11-08&by=week")),
		&answer); err != nil {
		t.Fatal(err)
	}
	if first, second := answer.Weeks[0], answer.Weeks[1]; !first.Partial || len(first.Unavailable) != 2 ||
		second.Partial || second.Unavailable != nil {
		t.Errorf("weeks: %+v", answer.Weeks)
	}
}

// TestRange_OfDaysThatCannotBeTold has no figures, and says so for each day.
func TestRange_OfDaysThatCannotBeTold(t *testing.T) {
	s := newServer(t)
	s.order("a", "1971-06-01T12:00:00Z", "GBP", 1)
	if got := s.get(days + "?tz=Africa/Monrovia&from=1971-06-01&to=1971-06-02"); strings.Count(got,
		`"unavailable":"On 1971-06-0`) != 2 || strings.Contains(got, `"count"`) {
		t.Errorf("got %s", got)
	}
}
