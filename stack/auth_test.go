package stack_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ordertally/shared/auth"
	"ordertally/shared/kafka/devbroker"
)

// started is a program that listens on all addresses.
func started(t *testing.T, env []string, path string, args ...string) (api string) {
	t.Helper()
	api = freePort(t)
	_, port, _ := strings.Cut(api, ":")
	cmd := exec.Command(path, append([]string{"serve", "--listen", "0.0.0.0:" + port, "--ops-listen", freePort(t)},
		args...)...)
	var log bytes.Buffer
	cmd.Stderr, cmd.Env = &log, append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("log of %s:\n%s", path, &log)
		}
	})
	eventually(t, 30*time.Second, "serve answers", func() bool {
		select {
		case <-exited:
			t.Fatalf("serve ended: %s", &log)
		default:
		}
		status, err := get("http://" + api + "/")
		return err == nil && status == 200
	})
	return api
}

// command runs a verb and returns what it said, standard output before standard error, and its exit code; -1 when it
// does not end.
func command(t *testing.T, env []string, path string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	exit := &exec.ExitError{}
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Logf("%s: %s", args[0], &stderr)
	}
	return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
}

// TestServicesBeyondLoopback goes the way of somebody who opens both services to a network: refused at first, then with
// keys, for the verbs and for the pages too.
func TestServicesBeyondLoopback(t *testing.T) {
	order, err := orderProgram()
	if err != nil {
		t.Fatal(err)
	}
	activity, err := activityPath()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	orders, statistics := filepath.Join(dir, "order.db"), filepath.Join(dir, "activity.db")
	for _, p := range [][2]string{{order, orders}, {activity, statistics}} {
		said, code := command(t, nil, p[0], "serve", "--listen", "0.0.0.0:0", "--ops-listen", "127.0.0.1:0", "--data",
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
	if said, code := command(t, nil, order, "keys", "revoke", spare[:10], "--data", orders); code != 0 ||
		!strings.Contains(said, "is revoked") {
		t.Errorf("keys revoke: exit %d, %s", code, said)
	}
	if said, code := command(t, nil, order, "keys", "ls", "-o", "ndjson", "--data", orders); code != 0 ||
		strings.Count(said, `"active"`) != 1 || strings.Count(said, `"revoked"`) != 1 {
		t.Errorf("keys ls: exit %d, %s", code, said)
	}

	dev, err := devbroker.Start(devbroker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Stop() })
	broker := dev.Addr()
	orderAPI := "http://" + started(t, nil, order, "--data", orders, "--kafka", broker)
	activityAPI := "http://" + started(t, nil, activity, "--data", statistics, "--kafka", broker)
	if said, code := command(t, nil, order, "keys", "ls", "--data", orders); code != 1 ||
		!strings.Contains(said, "stop the service") {
		t.Errorf("keys ls beside the running service: exit %d, %s", code, said)
	}

	samples, err := filepath.Glob("../testdata/online-retail/*.csv")
	if err != nil || len(samples) == 0 {
		t.Fatal(samples, err)
	}
	importing := append([]string{"import", "--target", orderAPI}, samples[0])
	if said, code := command(t, nil, order, importing...); code != 1 || !strings.Contains(said, "redential") {
		t.Errorf("import without a key: exit %d, %s", code, said)
	}
	env := []string{"ORDER_API_KEY=" + orderKey, "ACTIVITY_API_KEY=" + activityKey}
	if said, code := command(t, env, order, importing...); code != 0 {
		t.Fatalf("import: exit %d, %s", code, said)
	}
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(orderKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, code := command(t, nil, order, "status", "--target", orderAPI, "--api-key-file", file); code != 0 {
		t.Errorf("status with the key of a file: exit %d, %s", code, said)
	}
	eventually(t, time.Minute, "both services agree", func() bool {
		said, code := command(t, env, activity, "verify", "--target", activityAPI, "--orders", orderAPI)
		return code == 0 && !strings.HasPrefix(said, "0 ")
	})
	if said, code := command(t, env, order, "outbox", "retry", "--all", "--target", orderAPI); code != 1 ||
		!strings.Contains(said, "ops:write") {
		t.Errorf("a verb beyond the key's scopes: exit %d, %s", code, said)
	}

	// The pages hold nothing, and ask for the key.
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
	says(ctx, t, "connection", "Live.")
	if said, code := command(t, env, order, "outbox", "ls", "--target", orderAPI); code != 0 {
		t.Errorf("outbox ls: exit %d, %s", code, said)
	}
	placeWithKey(t, orderAPI, orderKey)
	says(ctx, t, "today-count", "1")
	run(ctx, t, chromedp.Navigate(orderAPI+"/"), enter(orderKey))
	says(ctx, t, "backlog", "0")
}

// placeWithKey places one order, now.
func placeWithKey(t *testing.T, base, key string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/orders",
		strings.NewReader(`{"currency":"GBP","lines":[{"sku":"a","quantity":1,"unit_price":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	auth.SetBearer(r, key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatal(response.Status)
	}
}
