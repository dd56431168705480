package problem

import "net/http"

// Kind is what problems with one code have in common. Every problem of an API is made from a Kind, and the OpenAPI
// document lists the kinds of each answer. So no answer has a code that is not in the document.
type Kind struct {
	Status int
	Code   string // stable, snake_case
	Says   string // a sentence for the document: when it is answered
}

// New returns a problem of that kind. The detail is about this occurrence.
func (k Kind) New(detail string) Problem { return New(k.Status, k.Code, detail) }

// The kinds that every API has.
var (
	KindNotFound         = Kind{http.StatusNotFound, CodeNotFound, "There is nothing at this path."}
	KindMethodNotAllowed = Kind{http.StatusMethodNotAllowed, CodeMethodNotAllowed,
		"The path does not allow this method. Allow lists those that it does."}
	KindRequestTimeout   = Kind{http.StatusRequestTimeout, CodeRequestTimeout, "The body did not arrive in time."}
	KindBodyTooLarge     = Kind{http.StatusRequestEntityTooLarge, CodeBodyTooLarge, "The body has too many bytes."}
	KindBodyUnreadable   = Kind{http.StatusBadRequest, CodeBodyUnreadable, "The body's framing is broken."}
	KindUnsupportedMedia = Kind{http.StatusUnsupportedMediaType, CodeUnsupportedMedia,
		"Content-Type is not application/json, or the body has a Content-Encoding."}
	KindInternal = Kind{http.StatusInternalServerError, CodeInternal,
		"The service failed. Its log has the cause under the trace_id."}

	KindInvalidParameter = Kind{http.StatusBadRequest, "invalid_parameter",
		"A parameter of the query is unknown, missing, empty, given twice or malformed."}
	KindMalformedJSON = Kind{http.StatusBadRequest, "malformed_json",
		"The body is not exactly one well-formed JSON object within depth 32."}
)

// The kinds that follow from the state of the database file. Package web has the table of errors for them.
var (
	KindUnavailable = Kind{http.StatusServiceUnavailable, "unavailable",
		"The service cannot answer now, and nothing was changed. Retry later."}
	KindOutcomeUnknown = Kind{http.StatusServiceUnavailable, "outcome_unknown",
		"The change may or may not be stored. Check before you retry. An order can be placed again with the same " +
			"Idempotency-Key."}
	KindDiskFull = Kind{http.StatusServiceUnavailable, "disk_full",
		"The service's disk is full, and nothing was stored. Retry later. The service recovers by itself once there " +
			"is room."}
	KindReadOnly = Kind{http.StatusServiceUnavailable, "read_only",
		"The service's file system is read-only. Nothing was stored; reads still work. Retry later."}
	KindCorrupt = Kind{http.StatusInternalServerError, "corrupt_record",
		"A stored record that the answer needs is damaged. An operator has to restore the file from a backup."}
)

// OfBody returns the kinds that any request with a body may get.
func OfBody() []Kind {
	return []Kind{KindBodyUnreadable, KindRequestTimeout, KindBodyTooLarge, KindUnsupportedMedia}
}
