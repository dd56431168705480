package telemetry

import (
	"testing"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
)

// TestOps_AsksForTheScopeOfEachRoute asks every route of the ops listener's table with every scope.
func TestOps_AsksForTheScopeOfEachRoute(t *testing.T) {
	o := Ops{Registry: NewRegistry(), Health: &Health{}, Level: &Level{}}
	authtest.Routes(t, o.routes(), map[string]string{
		"GET /metrics": auth.Public,
		"GET /livez":   auth.Public,

		"GET /problems": auth.Public, "GET /problems/{code}": auth.Public, "GET /assets/{file}": auth.Public,

		"GET /readyz":   auth.Public,
		"GET /startupz": auth.Public,
		"GET /loglevel": auth.OpsWrite,
		"PUT /loglevel": auth.OpsWrite,

		"GET /debug/pprof/{profile}": auth.OpsWrite,
	})
}
