package orderapi_test

import (
	"testing"

	"ordertally/order/orderapi"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/web/openapi/openapitest"
)

func TestTheDocumentIsServed(t *testing.T) {
	openapitest.Served(t, apitest.Start(t, clock.NewManual(now)).URL, orderapi.Document())
}
