package httpserver_test

import (
	"strings"
	"testing"
	"time"

	"ordertally/shared/httpserver"
)

func TestBoundsOfClients(t *testing.T) {
	want := httpserver.Bounds{
		MaxConnections: 10_000, MaxConnectionsOfAddress: 2_500, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}
	if got := (httpserver.Bounds{}).WithDefaults(); got != want {
		t.Errorf("zero fields: %+v, want %+v", got, want)
	}
	set := httpserver.Bounds{
		MaxConnections: 1, MaxConnectionsOfAddress: 1, MaxHeaderBytes: 4 << 10, ReadHeaderTimeout: time.Second, ReadTimeout: 2 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 4 * time.Second,
	}
	if got := set.WithDefaults(); got != set || got.Validate() != nil {
		t.Errorf("what was set became %+v, %v", got, got.Validate())
	}
	if err := (httpserver.Bounds{}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for _, tc := range []struct {
		bounds httpserver.Bounds
		want   string
	}{
		{httpserver.Bounds{MaxConnections: -1}, "max-connections: -1 is not between 1 and 1000000"},
		{httpserver.Bounds{MaxConnectionsOfAddress: -1}, "max-connections-address: -1"},
		{httpserver.Bounds{MaxHeaderBytes: 100}, "max-header-bytes: 100 is not between 4096 and 1048576"},
		{httpserver.Bounds{ReadHeaderTimeout: time.Millisecond}, "read-header-timeout: 1ms is not between 1s and 1h0m0s"},
		{httpserver.Bounds{ReadTimeout: -1}, "read-timeout: -1ns"},
		{httpserver.Bounds{WriteTimeout: 2 * time.Hour}, "write-timeout: 2h0m0s"},
		{httpserver.Bounds{IdleTimeout: 999 * time.Millisecond}, "idle-timeout: 999ms"},
	} {
		if err := tc.bounds.Validate(); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %s", tc.bounds, err, tc.want)
		}
	}
}
