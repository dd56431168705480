package orderd

import (
	"net/http"
	"strings"
	"testing"

	"ordertally/order/admission"
	"ordertally/order/orderapi"
	"ordertally/shared/clock/clocktest"
)

func TestService_KeepsTheLastHourOfItsOwnMetrics(t *testing.T) {
	a := startAdmitting(t, admission.Config{})
	_, metrics := a.get(a.service.OpsAddr() + "/metrics")
	last := ""
	clocktest.Eventually(t, "the first value is kept", func() bool {
		var status int
		status, last = a.get(a.service.Addr() + "/v1/history")
		return status == http.StatusOK && strings.Contains(last, `"backlog":[0]`)
	})
	for _, figure := range orderapi.Figures() {
		if !strings.Contains(metrics, "\n# TYPE "+figure.Metric+" ") {
			t.Errorf("%s is made of %s, which is no metric", figure.Name, figure.Metric)
		}
		if !strings.Contains(last, `"`+figure.Name+`":`) {
			t.Errorf("%s is missing", figure.Name)
		}
	}
}
