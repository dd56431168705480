package e2e_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/settings/tlsfiles/tlstest"
	"ordertally/stack/stacktest"
)

// TestVerbs_ReachServicesWithMutualTLS runs both services so that they accept only clients with a certificate from a
// private authority. It calls them with the verbs, configured by flags, by the environment and by the settings file.
func TestVerbs_ReachServicesWithMutualTLS(t *testing.T) {
	order, activity := stacktest.Programs(t)
	dev := devbrokertest.Start(t, devbroker.Config{})
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ca.IssueServer("services", file("cert.pem"), file("key.pem"))
	ca.Issue("operator", file("operator.pem"), file("operator.key"))
	start := func(program, data string) (url string) {
		address := stacktest.FreePort(t)
		stacktest.Run(t, stacktest.Serving{Program: program, Args: []string{
			"serve", "--listen", address, "--ops-listen", stacktest.FreePort(t), "--data", file(data), "--kafka",
			dev.Addr(),
			"--tls-cert-file", file("cert.pem"), "--tls-key-file", file("key.pem"), "--tls-client-ca-file", ca.File,
		}})
		return "https://" + address
	}
	orders, statistics := start(order, "order.db"), start(activity, "activity.db")

	authority := []string{"--ca-file", ca.File}
	certificate := []string{"--cert-file", file("operator.pem"), "--key-file", file("operator.key")}
	flags := append(append([]string{"--target", orders}, authority...), certificate...)
	clocktest.Eventually(t, "order status reaches the service", func() bool {
		said, code := stacktest.Command(t, nil, order, append([]string{"status"}, flags...)...)
		return code == 0 && strings.Contains(said, "backlog")
	})
	// The service is up. Any failure now is due to the missing setting.
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"without the authority", certificate, 1, "name its authority's file with --ca-file"},
		{"without a certificate", authority, 1, ""},
		{"a certificate without its key", append([]string{"--cert-file", file("operator.pem")}, authority...), 2,
			"cert-file, key-file: TLS needs both"},
		{"an authority that is not there", []string{"--ca-file", file("none.pem")}, 2,
			"ca-file: certificate authorities: open"},
	} {
		for _, verb := range [][]string{{"status"}, {"import", "../../testdata/online-retail/2010-12-01.csv"}} {
			said, code := stacktest.Command(t, nil, order, append(append(verb, "--target", orders), tc.args...)...)
			if code != tc.code || !strings.Contains(said, tc.want) {
				t.Errorf("order %s %s: exit %d, want %d and %q: %s", verb[0], tc.name, code, tc.code, tc.want, said)
			}
		}
	}
	if said, code := stacktest.Command(t, nil, order,
		append([]string{"import", "../../testdata/online-retail/2010-12-01.csv"}, flags...)...); code != 0 ||
		!strings.Contains(said, "136 placed") {
		t.Errorf("order import: exit %d, %s", code, said)
	}

	// The activity service by the environment.
	env := []string{
		"ACTIVITY_TARGET=" + statistics, "ACTIVITY_CA_FILE=" + ca.File, "ACTIVITY_CERT_FILE=" + file("operator.pem"),
		"ACTIVITY_KEY_FILE=" + file("operator.key"),
		"ACTIVITY_ORDERS=" + orders, "ACTIVITY_ORDERS_CA_FILE=" + ca.File,
		"ACTIVITY_ORDERS_CERT_FILE=" + file("operator.pem"), "ACTIVITY_ORDERS_KEY_FILE=" + file("operator.key"),
	}
	clocktest.Eventually(t, "both services agree", func() bool {
		said, code := stacktest.Command(t, env, activity, "verify")
		return code == 0 && strings.HasPrefix(said, "136 published orders")
	})
	for _, args := range [][]string{{"parked", "ls"}, {"late", "ls"}, {"conflicts", "ls"}} {
		if said, code := stacktest.Command(t, env, activity, args...); code != 0 || !strings.HasPrefix(said, "ID ") {
			t.Errorf("activity %v: exit %d, %s", args, code, said)
		}
	}
	for _, leave := range []string{"ACTIVITY_CERT_FILE", "ACTIVITY_ORDERS_CERT_FILE"} {
		if said, code := stacktest.Command(t, append(env, leave+"="), activity, "verify"); code != 2 ||
			!strings.Contains(said, "cert-file") {
			t.Errorf("activity verify without %s: exit %d, %s", leave, code, said)
		}
	}

	// Both by the settings file.
	settings := "target: " + orders + "\nca-file: " + ca.File + "\ncert-file: " + file("operator.pem") +
		"\nkey-file: " + file("operator.key") + "\n" +
		"activity-target: " + statistics + "\nactivity-ca-file: " + ca.File + "\nactivity-cert-file: " +
		file("operator.pem") + "\nactivity-key-file: " + file("operator.key") + "\n"
	if err := os.WriteFile(file("order.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	said, code := stacktest.Command(t, nil, order, "trace", newestOrder(t, orders, ca), "--config", file("order.yaml"))
	if code != 0 || !strings.Contains(said, "published") || !strings.Contains(said, "counted") {
		t.Errorf("order trace: exit %d, %s", code, said)
	}
}

// newestOrder returns the id of the newest order of a service with mutual TLS.
func newestOrder(t *testing.T, api string, ca *tlstest.Authority) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: ca.Pool, Certificates: []tls.Certificate{ca.Client("test")},
	}}}
	response, err := client.Get(api + "/v1/orders?limit=1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var page struct{ Orders []struct{ ID string } }
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil || len(page.Orders) != 1 {
		t.Fatalf("%d orders, %v", len(page.Orders), err)
	}
	return page.Orders[0].ID
}
