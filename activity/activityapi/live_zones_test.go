package activityapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// manyZones returns more zones than can have streams.
func manyZones() []string {
	zones := strings.Fields("America/Anchorage America/Bogota America/Chicago America/Denver America/Halifax " +
		"America/Lima America/Mexico_City America/New_York " +
		"America/Phoenix America/Regina America/Santiago America/Toronto America/Vancouver America/Caracas " +
		"America/Havana America/Panama America/Guatemala " +
		"America/Jamaica America/La_Paz America/Managua Asia/Tokyo Asia/Seoul Asia/Shanghai Asia/Manila Asia/Dhaka " +
		"Asia/Dubai Asia/Baku Asia/Tehran Asia/Kabul " +
		"Asia/Karachi Asia/Kolkata Asia/Colombo Asia/Yangon Asia/Bangkok Asia/Singapore Asia/Taipei Asia/Riyadh " +
		"Asia/Baghdad Asia/Beirut Asia/Amman")
	for hours := -14; hours <= 12; hours++ {
		zones = append(zones, fmt.Sprintf("Etc/GMT%%2B%d", hours))
	}
	for i := range zones {
		zones[i] = strings.Replace(zones[i], "%2B-", "-", 1)
	}
	return zones
}

// TestLive_IdleStreamsMakeRoom needs the place of a lingering stream for another zone. A stream with listeners keeps
// its place. HEAD begins no stream.
func TestLive_IdleStreamsMakeRoom(t *testing.T) {
	s := newServer(t)
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	s.order("a", "2025-11-24T10:00:00Z", "GBP", 100)
	stays := listen(t, web.URL, "?tz=Europe/London", "")
	stays.next()
	for _, zone := range manyZones() {
		response, err := http.Head(web.URL + "/v1/activities/ORDER_CREATED/live?tz=" + zone)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("HEAD %s: %s", zone, response.Status)
		}
		// The server may notice late that the previous listener has gone.
		for deadline := time.Now().Add(20 * time.Second); ; {
			l := listen(t, web.URL, "?tz="+zone, "")
			status := l.answer.StatusCode
			if status == http.StatusOK {
				if e := l.next(); e.kind != "snapshot" {
					t.Fatalf("%s: %+v", zone, e)
				}
			}
			l.close()
			if status == http.StatusOK {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d", zone, status)
			}
		}
	}
	s.order("b", "2025-11-24T11:00:00Z", "GBP", 100)
	s.progress.commit()
	if e := stays.next(); e.kind != "update" || e.data.Count != 2 {
		t.Errorf("the stream that is listened to: %+v", e)
	}
}
