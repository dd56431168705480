package order

// The limits of a request. Those of texts are in characters (Unicode code points), not bytes.
const (
	MaxBody  = 1 << 20 // bytes of a request's body
	MaxDepth = 32      // objects and arrays inside each other, the outermost counted

	MaxLines         = 2_000
	MaxQuantity      = 1_000_000_000
	MaxSKU           = 64
	MaxSource        = 64
	MaxReference     = 128
	MaxCustomerID    = 128
	MaxDescription   = 512
	MaxReason        = 512
	MaxMetadata      = 32 // entries
	MaxMetadataKey   = 64
	MaxMetadataValue = 512

	// MaxKey is the longest idempotency key, in bytes, all of them visible ASCII.
	MaxKey = 255

	// MaxPayload is the largest encoded order, in bytes. A message may have 2 MiB with its headers and the framing
	// around it; an order that would not fit is refused before it is stored.
	MaxPayload = 1_792 << 10

	// MaxViolations is how many broken rules one answer lists. The others are counted.
	MaxViolations = 20
)
