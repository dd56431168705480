package brokertest

import "go.uber.org/goleak"

// Abandoned are the goroutines of clients that librdkafka does not close in time while a broker is away; see
// closeInTime in package broker, which goes on without them. A test of leaks has to pass them over.
func Abandoned() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("ordertally/shared/kafka.closeInTime.func1"),
		goleak.IgnoreAnyFunction("ordertally/shared/kafka.startLogPump.func1"),
	}
}
