package order

// The limits of a request. Those of its fields are in the lists of package event.
const (
	MaxBody  = 1 << 20 // bytes of a request's body
	MaxDepth = 32      // objects and arrays inside each other, the outermost counted

	// MaxKey is the longest idempotency key, in bytes, all of them visible ASCII.
	MaxKey = 255

	// MaxPayload is the largest encoded order, in bytes. A message may have 2 MiB with its headers and the framing
	// around it; an order that would not fit is refused before it is stored.
	MaxPayload = 1_792 << 10

	// MaxViolations is how many broken rules one answer lists. The others are counted.
	MaxViolations = 20
)
