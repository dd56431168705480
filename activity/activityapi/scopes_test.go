package activityapi

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

// TestAPI_AsksForTheScopeOfEachRoute tests the table of routes. It sends a request to each route with each scope.
func TestAPI_AsksForTheScopeOfEachRoute(t *testing.T) {
	want := map[string]string{
		"GET /": auth.Public, "GET /assets/{file}": auth.Public, "GET /v1/activities": auth.StatsRead,
		"GET /v1/keys": auth.KeysWrite, "POST /v1/keys": auth.KeysWrite, "DELETE /v1/keys/{id}": auth.KeysWrite,
		"GET /v1/backup": auth.BackupRead, "GET /v1/backup/state": auth.OpsRead,
		"GET /v1/history": auth.OpsRead,
	}
	for route, scope := range map[string]string{
		"GET days": auth.StatsRead, "GET days/{day}": auth.StatsRead, "GET days/{day}/minutes": auth.StatsRead,
		"GET live":                  auth.StatsRead,
		"GET messages/{message_id}": auth.StatsRead, "GET digests": auth.OpsRead, "GET audit": auth.OpsRead,
		"GET incidents": auth.OpsRead,
		"GET rebuild":   auth.OpsRead,
	} {
		want[route[:4]+"/v1/activities/{activity}/"+route[4:]] = scope
	}
	const entry = "/{id}"
	for ledger, verb := range map[string]string{"parked": "retry", "late": "accept", "conflicts": "accept"} {
		base := "/v1/activities/{activity}/" + ledger
		for _, path := range []string{base, base + "/export", base + entry} {
			want["GET "+path] = auth.OpsRead
		}
		for _, verb := range []string{verb, "discard"} {
			want["POST "+base+"/"+verb], want["POST "+base+entry+"/"+verb] = auth.OpsWrite, auth.OpsWrite
		}
	}
	for _, verb := range []string{"", "/swap", "/discard"} {
		want["POST /v1/activities/{activity}/rebuild"+verb] = auth.OpsWrite
	}
	authtest.Routes(t, (&API{}).routes(), want)
}
