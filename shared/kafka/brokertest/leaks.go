package brokertest

import "go.uber.org/goleak"

// Abandoned are the goroutines of clients that librdkafka does not close in time while a broker is away: see
// closeBeside in package kafka. A test of leaks must ignore them.
func Abandoned() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("ordertally/shared/kafka.closeBeside.func1"),
		goleak.IgnoreAnyFunction("ordertally/shared/kafka.startLogPump.func1"),
	}
}
