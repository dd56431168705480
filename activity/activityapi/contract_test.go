package activityapi_test

import (
	"net/http/httptest"
	"testing"

	"ordertally/activity/activityapi"
	"ordertally/shared/openapi/openapitest"
)

func TestTheDocumentIsServed(t *testing.T) {
	server := httptest.NewServer(newServer(t).handler)
	defer server.Close()
	openapitest.Served(t, server.URL, activityapi.Document())
}
