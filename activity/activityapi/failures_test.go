package activityapi_test

import (
	"net/http"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
	"ordertally/shared/web/floodtest"
)

func TestAPI_AFloodOfFailuresIsNoFloodOfErrors(t *testing.T) {
	const route = "/v1/activities/{activity}/messages/{message_id}"
	floodtest.Run(t, own+"/messages/a", route, "a secret", func(logger zerolog.Logger) (http.Handler, func()) {
		api := activityapi.New(activityapi.Config{
			Activities: []activityapi.Activity{{Definition: def, Statistics: broken{}, Progress: &progress{}}},
			Zone:       activity.UTC(), Guard: auth.Unguarded(), Limiter: ratelimit.Unlimited(),
			Clock:  clock.NewManual(now),
			Logger: logger,
		})
		return api, api.Close
	})
}
