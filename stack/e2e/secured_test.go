package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/settings/tlsfiles/tlstest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// secured starts Apache Kafka with a listener that requires TLS, a client certificate and SASL. Each user may do what
// docs/operate/security.md lists and nothing else.
func secured(t *testing.T, ca *tlstest.Authority, passwords map[string]string) (k *kafka.Kafka, address string) {
	t.Helper()
	dir := t.TempDir()
	cert, key, store := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "store.pem")
	ca.Issue("broker", cert, key)
	var both []byte
	for _, file := range []string{key, cert} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, text...)
	}
	if err := os.WriteFile(store, both, 0o600); err != nil {
		t.Fatal(err)
	}
	plain, controller := stacktest.FreePort(t), stacktest.FreePort(t)
	address = stacktest.FreePort(t)
	_, port, _ := net.SplitHostPort(plain)
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	const modules = "org.apache.kafka.common.security."
	k = kafka.ForTestWith(t, kafka.Options{Port: number, Config: map[string]string{
		"controller.quorum.voters": "1@" + controller,
		"listeners": "PLAINTEXT://" + plain + ",SECURED://" + address + ",CONTROLLER://" +
			controller,
		"advertised.listeners":           "PLAINTEXT://" + plain + ",SECURED://" + address,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL,CONTROLLER:PLAINTEXT",
		"ssl.keystore.type":              "PEM", "ssl.keystore.location": store,
		"ssl.truststore.type": "PEM", "ssl.truststore.location": ca.File,
		"listener.name.secured.ssl.client.auth":                "required",
		"sasl.enabled.mechanisms":                              "PLAIN,SCRAM-SHA-512",
		"listener.name.secured.scram-sha-512.sasl.jaas.config": modules + "scram.ScramLoginModule required;",
		"listener.name.secured.plain.sasl.jaas.config": fmt.Sprintf(
			modules+"plain.PlainLoginModule required user_order=%q;", passwords["order"]),
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",

		"super.users":                                                 "User:ANONYMOUS",
		"allow.everyone.if.no.acl.found":                              "false",
		"listener.name.secured.connections.max.reauth.ms":             "5000",
		"listener.name.secured.ssl.endpoint.identification.algorithm": "",
	}})
	if err := k.AddUser(t.Context(), "activity", passwords["activity"]); err != nil {
		t.Fatal(err)
	}
	for user, rights := range documentedRights(t) {
		if err := k.Allow(t.Context(), user, rights...); err != nil {
			t.Fatal(err)
		}
	}
	return k, address
}

// documentedRights reads the table in docs/operate/security.md of the rights that each user needs.
func documentedRights(t *testing.T) map[string][]kafka.Right {
	t.Helper()
	text, err := os.ReadFile("../../docs/operate/security.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^ *\| (\w+) \| (topic|group|transactional id) \| ` + "`([^`]+)`" +
		` \| ([\w, ]+) \|$`)
	rights := map[string][]kafka.Right{}
	for _, cells := range row.FindAllStringSubmatch(string(text), -1) {
		var right kafka.Right
		switch cells[2] {
		case "topic":
			right.Topic = cells[3]
		case "group":
			right.Group = cells[3]
		default:
			right.TransactionalID = cells[3]
		}
		for operation := range strings.SplitSeq(cells[4], ", ") {
			right.Operations = append(right.Operations, operation)
		}
		rights[cells[1]] = append(rights[cells[1]], right)
	}
	if len(rights["order"]) != 3 || len(rights["activity"]) != 2 {
		t.Fatalf("docs/operate/security.md lists the rights %v", rights)
	}
	return rights
}

// TestServices_OnASecuredKafka runs both programs against a broker with TLS, client certificates, SASL and ACLs. Both
// begin with a wrong password. Orders are accepted, published once order's file has the right one, and counted once
// activity's file has it. Neither program is restarted. Then activity's password changes at the broker, and after that
// in the file.
func TestServices_OnASecuredKafka(t *testing.T) {
	order := stacktest.OrderProgram(t)
	activity := stacktest.ActivityProgram(t)
	passwords := map[string]string{"order": "correct-horse-1", "activity": "battery-staple-2"}
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca.Issue("services", cert, key)
	file := func(service, what string) string { return filepath.Join(dir, service+"."+what) }
	write := func(service, password string) {
		t.Helper()
		if err := os.WriteFile(file(service, "password"), []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("order", "wrong-guess-3")
	write("activity", "wrong-guess-4")
	k, broker := secured(t, ca, passwords)
	secure := []string{
		"--allow-unauthenticated", "--kafka-tls", "--kafka-tls-ca-file", ca.File,
		"--kafka-tls-cert-file", cert, "--kafka-tls-key-file", key,
	}
	start := func(service, program, mechanism string) (api string) {
		return stacktest.Serve(t, stacktest.Serving{
			Program: program, Host: "0.0.0.0", Data: file(service, "db"), Kafka: broker,
			Args: append(secure, "--log-file", file(service, "log"), "--kafka-sasl-mechanism", mechanism,
				"--kafka-sasl-username", service, "--kafka-sasl-password-file", file(service, "password")),
		}).URL()
	}
	orderAPI, activityAPI := start("order", order, "plain"), start("activity", activity, "scram-sha-512")

	for range 5 {
		stacktest.PlaceWithKey(t, orderAPI, "")
	}
	logged := func(service string) string {
		text, err := os.ReadFile(file(service, "log"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for service := range passwords {
		clocktest.Eventually(t, "the log of "+service+" says that the password is wrong", func() bool {
			return strings.Contains(logged(service), "uthentication failed")
		})
		write(service, passwords[service])
	}
	clocktest.Eventually(t, "all orders are counted",
		func() bool { return countedToday(t.Context(), activityAPI) == 5 })
	refusals := func() int { return strings.Count(logged("activity"), "does not let this service in") }
	before := refusals()
	passwords["activity"] = "rotated-5"
	if err := k.AddUser(t.Context(), "activity", passwords["activity"]); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(t, "the broker has activity log in again, and refuses it",
		func() bool { return refusals() > before })
	write("activity", passwords["activity"])
	stacktest.PlaceWithKey(t, orderAPI, "")
	clocktest.Eventually(t, "the order after that is counted",
		func() bool { return countedToday(t.Context(), activityAPI) == 6 })
	another := stacktest.Serve(t, stacktest.Serving{
		Program: activity, Host: "0.0.0.0", Data: file("another", "db"), Kafka: broker,
		Env:  []string{"ACTIVITY_KAFKA_SASL_PASSWORD=" + passwords["activity"]},
		Args: append(secure, "--kafka-sasl-mechanism", "scram-sha-512", "--kafka-sasl-username", "activity"),
	}).URL()
	clocktest.Eventually(t, "one with the password in its environment counts all",
		func() bool { return countedToday(t.Context(), another) == 6 })
	for service, password := range passwords {
		for _, secret := range []string{password, "wrong-guess", "battery-staple"} {
			if strings.Contains(logged(service), secret) {
				t.Errorf("the log of %s has the password %s", service, secret)
			}
		}
	}
}

// countedToday returns today's count, or -1 if it is unknown.
func countedToday(ctx context.Context, api string) int64 {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/v1/activities/ORDER_CREATED/days/today", nil)
	if err != nil {
		return -1
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return -1
	}
	defer func() { _ = response.Body.Close() }()
	var day struct{ Count int64 }
	if err := json.NewDecoder(response.Body).Decode(&day); err != nil {
		return -1
	}
	return day.Count
}
