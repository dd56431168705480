package web_test

import (
	"strings"
	"testing"
	"time"

	"ordertally/shared/settings"
	"ordertally/shared/web"
)

func TestBounds_OfClients(t *testing.T) {
	want := web.Bounds{
		MaxConnections: 10_000, MaxConnectionsOfAddress: 2_500, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute,
	}
	var got web.Bounds
	if err := settings.Complete(&got, ""); err != nil || got != want {
		t.Errorf("zero fields: %+v, %v, want %+v", got, err, want)
	}
	set := web.Bounds{
		MaxConnections: 1, MaxConnectionsOfAddress: 1, MaxHeaderBytes: 4 << 10, ReadHeaderTimeout: time.Second,
		ReadTimeout: 2 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 4 * time.Second,
	}
	got = set
	if err := settings.Complete(&got, ""); err != nil || got != set {
		t.Errorf("what was set became %+v, %v", got, err)
	}
	for _, tc := range []struct {
		bounds web.Bounds
		want   string
	}{
		{web.Bounds{MaxConnections: -1}, "max-connections: -1 is not between 1 and 1000000"},
		{web.Bounds{MaxConnectionsOfAddress: -1}, "max-connections-address: -1"},
		{web.Bounds{MaxHeaderBytes: 100}, "max-header-bytes: 100 is not between 4096 and 1048576"},
		{web.Bounds{ReadHeaderTimeout: time.Millisecond}, "read-header-timeout: 1ms is not between 1s and 1h0m0s"},
		{web.Bounds{ReadTimeout: -1}, "read-timeout: -1ns"},
		{web.Bounds{WriteTimeout: 2 * time.Hour}, "write-timeout: 2h0m0s"},
		{web.Bounds{IdleTimeout: 999 * time.Millisecond}, "idle-timeout: 999ms"},
	} {
		if err := settings.Complete(&tc.bounds, ""); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %s", tc.bounds, err, tc.want)
		}
	}
}
