package bench_test

import (
	"fmt"
	"testing"
	"time"

	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// BenchmarkAck places orders with 1, 64 and 256 callers at a service with --ack local and at one with --ack kafka, in
// turn, three times for 2 s each. Both publish to the same Apache Kafka. Services, broker and callers share the cores,
// so the ratios matter more than the figures.
func BenchmarkAck(b *testing.B) {
	const rounds, long = 3, 2 * time.Second
	broker := kafka.ForTest(b)
	levels := []string{"local", "kafka"}
	services := map[string]*stacktest.Program{}
	for _, level := range levels {
		services[level] = stacktest.Serve(b, stacktest.Serving{Program: stacktest.OrderProgram(b), Kafka: broker.Addr(),
			Args: []string{"--topic=" + level, "--ack=" + level, "--ack-else=refuse", "--ack-wait=20s"}})
		newAnswers().load(b, services[level].API, "", loadBody, 64, until(long)) // Kafka's JVM compiles meanwhile
	}
	for range b.N {
		for _, callers := range []int{1, 64, 256} {
			got := map[string]*answers{"local": newAnswers(), "kafka": newAnswers()}
			for range rounds {
				for _, level := range levels {
					got[level].load(b, services[level].API, "", loadBody, callers, until(long))
				}
			}
			for _, level := range levels {
				a := got[level]
				p99 := a.p99()
				p50 := a.took[len(a.took)/2]
				rate := float64(len(a.took)) / (rounds * long).Seconds()
				b.Logf("%d callers, %s: p50 %v, p99 %v, %.0f/s, statuses %v", callers, level,
					p50.Round(10*time.Microsecond),
					p99.Round(10*time.Microsecond), rate, a.status)
				name := fmt.Sprintf("%s-%d-", level, callers)
				b.ReportMetric(float64(p50.Microseconds())/1000, name+"p50-ms")
				b.ReportMetric(float64(p99.Microseconds())/1000, name+"p99-ms")
				b.ReportMetric(rate, name+"orders/s")
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}
