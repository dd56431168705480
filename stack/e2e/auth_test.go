package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ordertally/shared/auth"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// TestServices_BeyondLoopbackNeedKeys follows somebody who opens both services to a network. They are refused at first.
// Then they use keys, for the verbs and for the pages.
func TestServices_BeyondLoopbackNeedKeys(t *testing.T) {
	order := stacktest.OrderProgram(t)
	activity := stacktest.ActivityProgram(t)
	dir := t.TempDir()
	orders, statistics := filepath.Join(dir, "order.db"), filepath.Join(dir, "activity.db")
	for _, p := range [][2]string{{order, orders}, {activity, statistics}} {
		said, code := stacktest.Command(t, nil, p[0], "serve", "--listen", "0.0.0.0:0", "--ops-listen", "127.0.0.1:0",
			"--data",
			p[1])
		if code != 2 || !strings.HasPrefix(said, "auth:") && !strings.Contains(said, "\nauth:") ||
			!strings.Contains(said, "keys new") {
			t.Errorf("without keys: exit %d, %s", code, said)
		}
	}
	newKey := func(program, data, scopes string) string {
		t.Helper()
		cmd := exec.Command(program, "keys", "new", "test", "--scopes", scopes, "--data", data)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	orderKey := newKey(order, orders, "orders:write,orders:read,orders:backfill,ops:read")
	activityKey := newKey(activity, statistics, "stats:read,ops:read")
	_, spare, _ := strings.Cut(newKey(order, orders, "ops:write"), "_")
	if said, code := stacktest.Command(t, nil, order, "keys", "revoke", spare[:10], "--data", orders); code != 0 ||
		!strings.Contains(said, "is revoked") {
		t.Errorf("keys revoke: exit %d, %s", code, said)
	}
	if said, code := stacktest.Command(t, nil, order, "keys", "ls", "-o", "ndjson", "--data", orders); code != 0 ||
		strings.Count(said, `"active"`) != 1 || strings.Count(said, `"revoked"`) != 1 {
		t.Errorf("keys ls: exit %d, %s", code, said)
	}

	dev := devbrokertest.Start(t, devbroker.Config{})
	broker := dev.Addr()
	serve := func(program, data string) (api string) {
		t.Helper()
		return stacktest.Serve(t, stacktest.Serving{Program: program, Host: "0.0.0.0", Data: data, Kafka: broker}).URL()
	}
	orderAPI, activityAPI := serve(order, orders), serve(activity, statistics)
	if said, code := stacktest.Command(t, nil, order, "keys", "ls", "--data", orders); code != 1 ||
		!strings.Contains(said, "stop the service") {
		t.Errorf("keys ls beside the running service: exit %d, %s", code, said)
	}

	samples, err := filepath.Glob("../../testdata/online-retail/*.csv")
	if err != nil || len(samples) == 0 {
		t.Fatal(samples, err)
	}
	importing := append([]string{"import", "--target", orderAPI}, samples[0])
	if said, code := stacktest.Command(t, nil, order, importing...); code != 1 || !strings.Contains(said, "redential") {
		t.Errorf("import without a key: exit %d, %s", code, said)
	}
	env := []string{"ORDER_API_KEY=" + orderKey, "ACTIVITY_API_KEY=" + activityKey}
	if said, code := stacktest.Command(t, env, order, importing...); code != 0 {
		t.Fatalf("import: exit %d, %s", code, said)
	}
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(orderKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, code := stacktest.Command(t, nil, order, "status", "--target", orderAPI, "--api-key-file",
		file); code != 0 {
		t.Errorf("status with the key of a file: exit %d, %s", code, said)
	}
	clocktest.Eventually(t, "both services agree", func() bool {
		said, code := stacktest.Command(t, env, activity, "verify", "--target", activityAPI, "--orders", orderAPI)
		return code == 0 && !strings.HasPrefix(said, "0 ")
	})
	if said, code := stacktest.Command(t, env, order, "outbox", "retry", "--all", "--target", orderAPI); code != 1 ||
		!strings.Contains(said, "ops:write") {
		t.Errorf("a verb beyond the key's scopes: exit %d, %s", code, said)
	}

	// The pages contain no data, and ask for the key.
	for _, api := range []string{orderAPI, activityAPI} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api+"/v1/orders", nil)
		if err != nil {
			t.Fatal(err)
		}
		auth.SetBearer(r, "ot_aaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaa")
		if response, err := http.DefaultClient.Do(r); err != nil || response.StatusCode != 401 && api == orderAPI {
			t.Errorf("a wrong key: %v, %v", response, err)
		}
	}
	ctx := browser(t)
	enter := func(key string) chromedp.Action {
		return chromedp.Tasks{chromedp.WaitVisible("#credential input"), chromedp.SendKeys("#credential input", key),
			chromedp.Click("#credential button", chromedp.NodeVisible)}
	}
	run(ctx, t, chromedp.Navigate(activityAPI+"/"))
	says(ctx, t, "today-count", "–")
	run(ctx, t, enter("wrong"), enter(activityKey))
	says(ctx, t, "today-count", "0")
	says(ctx, t, "health", "Live")
	if said, code := stacktest.Command(t, env, order, "outbox", "ls", "--target", orderAPI); code != 0 {
		t.Errorf("outbox ls: exit %d, %s", code, said)
	}
	stacktest.PlaceWithKey(t, orderAPI, orderKey)
	says(ctx, t, "today-count", "1")
	run(ctx, t, chromedp.Navigate(orderAPI+"/"), enter(orderKey))
	says(ctx, t, "health", "Taking orders")
}
