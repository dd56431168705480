package brokertest

import "go.uber.org/goleak"

// Abandoned are the goroutines of clients that librdkafka does not close in time while a broker is away: see
// closeInTime in package kafka. A test of leaks must ignore them.
func Abandoned() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("ordertally/shared/kafka.closeInTime"),
		goleak.IgnoreAnyFunction("ordertally/shared/kafka.closeInTime.func1"),
		goleak.IgnoreAnyFunction("ordertally/shared/kafka.(*session).watchEvents.func1"),
		goleak.IgnoreAnyFunction("ordertally/shared/kafka.startLogPump.func1"),
	}
}
