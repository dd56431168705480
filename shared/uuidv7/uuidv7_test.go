package uuidv7_test

import (
	"bytes"
	"testing"
	"time"

	"ordertally/shared/clock"
	"ordertally/shared/uuidv7"
)

func TestSource_GrowsThoughTheClockStandsStillOrGoesBack(t *testing.T) {
	c := clock.NewManual(time.UnixMilli(1_700_000_000_000))
	source := uuidv7.NewSource(c, 0, uuidv7.ID{})
	var last uuidv7.ID
	for i := range 20_000 {
		if i == 10_000 {
			c.Advance(-time.Hour)
		}
		id := source.Next()
		if bytes.Compare(id[:], last[:]) <= 0 {
			t.Fatalf("id %d: %s does not come after %s", i, id, last)
		}
		last = id
	}
	again := uuidv7.NewSource(c, 0, last).Next()
	if bytes.Compare(again[:], last[:]) <= 0 {
		t.Fatalf("after reopening: %s does not come after %s", again, last)
	}
}

func TestTextRoundTripAndShard(t *testing.T) {
	source := uuidv7.NewSource(clock.System{}, 1023, uuidv7.ID{})
	id := source.Next()
	parsed, err := uuidv7.Parse(id.String())
	if err != nil || parsed != id {
		t.Fatalf("Parse(%s) = %s, %v", id, parsed, err)
	}
	if id.Shard() != 1023 {
		t.Fatalf("shard of %s is %d, want 1023", id, id.Shard())
	}
	if age := time.Since(time.UnixMilli(
		int64(id[0])<<40 | int64(id[1])<<32 | int64(id[2])<<24 | int64(id[3])<<16 | int64(id[4])<<8 | int64(
			id[5]))); age < 0 || age > time.Minute {
		t.Fatalf("the id's time is %s ago", age)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "x", "0190163d-8694-739b-aea5-966c26f8ad9", "0190163d-8694-739b-aea5-966c26f8ad911",
		"0190163D-8694-739b-aea5-966c26f8ad91", "0190163d-8694-439b-aea5-966c26f8ad91",
		"0190163d-8694-739b-0ea5-966c26f8ad91", "0190163d08694-739b-aea5-966c26f8ad91",
		"0190163d-8694-739b-aea5-966c26f8ad9g",
	} {
		if id, err := uuidv7.Parse(text); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", text, id)
		}
	}
}
