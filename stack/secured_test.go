package stack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ordertally/shared/event"
	"ordertally/shared/tlsfiles/tlstest"
	"ordertally/stack/kafka"
)

// secured starts Apache Kafka with a listener that wants TLS, a client's certificate and SASL, and lets each user do what the README
// lists and nothing else.
func secured(t *testing.T, ca *tlstest.Authority, passwords map[string]string) (address string) {
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
	plain, controller := freePort(t), freePort(t)
	address = freePort(t)
	_, port, _ := net.SplitHostPort(plain)
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	k := kafka.ForTestWith(t, kafka.Options{Port: number, Config: map[string]string{
		"controller.quorum.voters":       "1@" + controller,
		"listeners":                      "PLAINTEXT://" + plain + ",SECURED://" + address + ",CONTROLLER://" + controller,
		"advertised.listeners":           "PLAINTEXT://" + plain + ",SECURED://" + address,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL,CONTROLLER:PLAINTEXT",
		"ssl.keystore.type":              "PEM", "ssl.keystore.location": store,
		"ssl.truststore.type": "PEM", "ssl.truststore.location": ca.File,
		"listener.name.secured.ssl.client.auth":                       "required",
		"sasl.enabled.mechanisms":                                     "PLAIN,SCRAM-SHA-512",
		"listener.name.secured.scram-sha-512.sasl.jaas.config":        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"listener.name.secured.plain.sasl.jaas.config":                fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required user_activity=%q;", passwords["activity"]),
		"authorizer.class.name":                                       "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                                                 "User:ANONYMOUS",
		"allow.everyone.if.no.acl.found":                              "false",
		"listener.name.secured.connections.max.reauth.ms":             "10000",
		"listener.name.secured.ssl.endpoint.identification.algorithm": "",
	}})
	if err := k.AddUser(t.Context(), "order", passwords["order"]); err != nil {
		t.Fatal(err)
	}
	for user, rights := range map[string][]kafka.Right{
		"order": {
			{Topic: event.Topic, Operations: []string{"CREATE", "DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE"}},
			{TransactionalID: "*", Operations: []string{"DESCRIBE", "WRITE"}},
			{Group: "*", Operations: []string{"READ"}},
		},
		"activity": {
			{Topic: event.Topic, Operations: []string{"DESCRIBE", "READ"}},
			{Group: "ordertally-activity", Operations: []string{"READ"}},
		},
	} {
		if err := k.Allow(t.Context(), user, rights...); err != nil {
			t.Fatal(err)
		}
	}
	return address
}

// TestASecuredKafka runs both programs against a broker with TLS, client certificates, SASL and ACLs. order begins with a password that is
// wrong: orders are taken, and published once the file has the right one.
func TestASecuredKafka(t *testing.T) {
	order, err := orderProgram()
	if err != nil {
		t.Fatal(err)
	}
	activity, err := activityPath()
	if err != nil {
		t.Fatal(err)
	}
	passwords := map[string]string{"order": "correct-horse-1", "activity": "battery-staple-2"}
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	cert, key, password := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "password")
	ca.Issue("services", cert, key)
	if err := os.WriteFile(password, []byte("wrong-guess-3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broker := secured(t, ca, passwords)
	secure := []string{
		"--allow-unauthenticated", "--kafka", broker, "--kafka-tls", "--kafka-tls-ca-file", ca.File, "--kafka-tls-cert-file", cert, "--kafka-tls-key-file", key,
	}
	log := filepath.Join(dir, "order.log")
	orderAPI := "http://" + started(t, nil, order, append(secure, "--data", filepath.Join(dir, "order.db"), "--log-file", log,
		"--kafka-sasl-mechanism", "scram-sha-512", "--kafka-sasl-username", "order", "--kafka-sasl-password-file", password)...)
	activityAPI := "http://" + started(t, []string{"ACTIVITY_KAFKA_SASL_PASSWORD=" + passwords["activity"]}, activity, append(secure,
		"--data", filepath.Join(dir, "activity.db"), "--kafka-sasl-mechanism", "plain", "--kafka-sasl-username", "activity")...)

	for range 5 {
		placeWithKey(t, orderAPI, "")
	}
	logged := func() string {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	eventually(t, time.Minute, "the log says that the password is wrong", func() bool {
		return strings.Contains(logged(), "uthentication failed")
	})
	if err := os.WriteFile(password, []byte(passwords["order"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "all orders are counted", func() bool { return countedToday(t.Context(), activityAPI) == 5 })
	for _, secret := range []string{passwords["order"], "wrong-guess"} {
		if strings.Contains(logged(), secret) {
			t.Errorf("the log has the password %s", secret)
		}
	}
}

// countedToday is today's count, -1 when it is not known.
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
