package kafka

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
)

// settings returns the settings of a single node that is both broker and controller.
func settings(dataDir string, port, controllerPort int) map[string]string {
	client, controller := "127.0.0.1:"+strconv.Itoa(port), "127.0.0.1:"+strconv.Itoa(controllerPort)
	return map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        "1",
		"controller.quorum.voters":       "1@" + controller,
		"listeners":                      "PLAINTEXT://" + client + ",CONTROLLER://" + controller,
		"advertised.listeners":           "PLAINTEXT://" + client,
		"controller.listener.names":      "CONTROLLER",
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                       dataDir,

		"auto.create.topics.enable":                        "false",
		"default.replication.factor":                       "1",
		"offsets.topic.replication.factor":                 "1",
		"offsets.topic.num.partitions":                     "5",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"transaction.state.log.num.partitions":             "5",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",

		// The controller refuses a restarted broker until the killed one's session has expired.
		"broker.session.timeout.ms":    "3000",
		"broker.heartbeat.interval.ms": "500",
		// 128 MiB by default, a quarter of the heap here.
		"log.cleaner.dedupe.buffer.size": "4194304",
	}
}

// properties writes base, overridden by the caller's own settings, as a Java properties file.
func properties(base, own map[string]string) ([]byte, error) {
	all := maps.Clone(base)
	maps.Copy(all, own)
	escape := strings.NewReplacer(`\`, `\\`)
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := all[name]
		if strings.ContainsAny(name, "=: \t\r\n\\") || strings.ContainsAny(value, "\r\n") {
			return nil, fmt.Errorf("setting %q = %q: a name has no spaces or separators, a value has one line", name,
				value)
		}
		fmt.Fprintf(&text, "%s=%s\n", name, escape.Replace(value))
	}
	return text.Bytes(), nil
}

// freePort picks a port that nobody listens on and that is not in taken. It stays below the range from which Linux
// takes the ports of outgoing connections. A client that retries while the broker is down could otherwise get the
// broker's own port, connect to itself, and keep the broker from coming back.
func freePort(taken ...int) (int, error) {
	const first, end, tries = 20_000, 32_768, 100
	var last error
	for range tries {
		port := first + rand.IntN(end-first) //nolint:gosec // no secret
		if slices.Contains(taken, port) {
			continue
		}
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			last = err
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("find a free port from %d to %d: %w", first, end-1, last)
}
