package orderapi

import (
	"testing"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/web/openapi"
)

func TestAPI_DescribesEveryRoute(t *testing.T) {
	if err := openapi.Check(Contract()); err != nil {
		t.Error(err)
	}
}

// This checks the table of routes: it asks every route of the program with every scope.
func TestAPI_AsksForTheScopeOfEachRoute(t *testing.T) {
	authtest.Routes(t, (&api{}).routes(), map[string]string{
		"GET /v1/keys":                        auth.KeysWrite,
		"POST /v1/keys":                       auth.KeysWrite,
		"DELETE /v1/keys/{id}":                auth.KeysWrite,
		"GET /v1/backup":                      auth.BackupRead,
		"GET /v1/backup/state":                auth.OpsRead,
		"GET /":                               auth.Public,
		"GET /outbox":                         auth.Public,
		"GET /keys":                           auth.Public,
		"GET /assets/{file}":                  auth.Public,
		"POST /v1/orders":                     auth.OrdersWrite,
		"GET /v1/orders":                      auth.OrdersRead,
		"POST /v1/orders:batch":               auth.OrdersWrite,
		"POST /v1/orders:handover":            auth.OrdersHandover,
		"GET /v1/orders/digests":              auth.OpsRead,
		"POST /v1/orders/republish":           auth.OpsWrite,
		"GET /v1/orders/{id}":                 auth.OrdersRead,
		"POST /v1/orders/{id}/cancel":         auth.OrdersWrite,
		"GET /v1/orders/{id}/delivery":        auth.OrdersRead,
		"GET /v1/orders/{id}/counting":        auth.OrdersRead,
		"GET /v1/outbox":                      auth.OpsRead,
		"POST /v1/outbox/partitions":          auth.OpsWrite,
		"GET /v1/history":                     auth.OpsRead,
		"GET /v1/outbox/audit":                auth.OpsRead,
		"GET /v1/outbox/parked/export":        auth.OpsRead,
		"GET /v1/outbox/waiting":              auth.OpsRead,
		"GET /v1/outbox/parked":               auth.OpsRead,
		"GET /v1/outbox/parked/{id}":          auth.OpsRead,
		"POST /v1/outbox/parked/{id}/retry":   auth.OpsWrite,
		"POST /v1/outbox/parked/{id}/discard": auth.OpsWrite,
		"POST /v1/outbox/parked/retry":        auth.OpsWrite,
		"POST /v1/outbox/parked/discard":      auth.OpsWrite,
	})
}
