package order

// The limits of a request. The limits of its fields are in the lists of package event.
const (
	MaxBody  = 1 << 20 // bytes of a request's body
	MaxDepth = 32      // nested objects and arrays, including the outermost

	// MaxKey is the longest idempotency key, in bytes. All of them are visible ASCII.
	MaxKey = 255

	// MaxPayload is the largest encoded order, in bytes. A message may have 2 MiB, including its headers and framing.
	// An order that would not fit is refused before it is stored.
	MaxPayload = 1_792 << 10

	// MaxViolations is the number of violations that one answer lists. The rest are only counted.
	MaxViolations = 20
)
