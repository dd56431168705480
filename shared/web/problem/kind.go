package problem

import "net/http"

// Kind is what problems with one code have in common. Every problem of an API is made from a Kind, and the OpenAPI
// document lists the kinds of each answer. So no answer has a code that is not in the document. The service has a page
// for each code, at the type of its problems.
type Kind struct {
	Status int
	Code   string // stable, snake_case
	Says   string // a sentence for the document: when it is answered
	// Client and Operator say what each of them does about it. An operator does nothing about most requests that are
	// at fault; then Operator is empty.
	Client, Operator string
}

// New returns a problem of that kind. The detail is about this occurrence.
func (k Kind) New(detail string) Problem { return New(k.Status, k.Code, detail) }

// The kinds that every API has.
var (
	KindNotFound = Kind{
		Status: http.StatusNotFound, Code: CodeNotFound,
		Says:   "There is nothing at this path.",
		Client: "Compare the path with those that `/docs` lists.",
	}
	KindMethodNotAllowed = Kind{
		Status: http.StatusMethodNotAllowed, Code: CodeMethodNotAllowed,
		Says:   "The path does not allow this method. Allow lists those that it does.",
		Client: "Use a method that `Allow` lists.",
	}
	KindRequestTimeout = Kind{
		Status: http.StatusRequestTimeout, Code: CodeRequestTimeout,
		Says:     "The body did not arrive in time.",
		Client:   "Send the request again. If the connection is slow, send smaller requests.",
		Operator: "If it happens to many clients, look at the network, then at `read-timeout`.",
	}
	KindBodyTooLarge = Kind{
		Status: http.StatusRequestEntityTooLarge, Code: CodeBodyTooLarge,
		Says:   "The body has too many bytes.",
		Client: "Send less at once. The detail names the limit.",
	}
	KindBodyUnreadable = Kind{
		Status: http.StatusBadRequest, Code: CodeBodyUnreadable,
		Says:   "The body's framing is broken.",
		Client: "Mend the HTTP client, or the proxy in between: what it sends is not HTTP.",
	}
	KindUnsupportedMedia = Kind{
		Status: http.StatusUnsupportedMediaType, Code: CodeUnsupportedMedia,
		Says:   "Content-Type is not the one that the operation takes, or the body has a Content-Encoding.",
		Client: "Send JSON, not compressed, with `Content-Type: application/json`. A batch is `application/x-ndjson`.",
	}
	KindInternal = Kind{
		Status: http.StatusInternalServerError, Code: CodeInternal,
		Says:     "The service failed. Its log has the cause under the trace_id.",
		Client:   "Give the operator the `trace_id`. What was changed is not known: see `outcome_unknown`.",
		Operator: "Look for the `trace_id` in the log. The line has the cause. Report it as a bug.",
	}

	KindInvalidParameter = Kind{
		Status: http.StatusBadRequest, Code: "invalid_parameter",
		Says:   "A parameter of the query is unknown, missing, empty, given twice or malformed.",
		Client: "Mend the parameter that the detail names. `/docs` lists those of the operation.",
	}
	KindMalformedJSON = Kind{
		Status: http.StatusBadRequest, Code: "malformed_json",
		Says: "The body is not exactly one well-formed JSON object within depth 32.",
		Client: "Mend the JSON. `errors` says what is wrong. A name that stands twice and bytes that are not UTF-8 " +
			"are wrong too.",
	}
)

// The kinds that follow from the state of the database file. Package web has the table of errors for them.
var (
	KindUnavailable = Kind{
		Status: http.StatusServiceUnavailable, Code: "unavailable",
		Says:   "The service cannot answer now, and nothing was changed. Retry later.",
		Client: "Send the request again after `Retry-After`.",
		Operator: "Ask `/readyz?verbose` on the ops listener, and look at the log. A service that starts or stops " +
			"answers this for seconds.",
	}
	KindOutcomeUnknown = Kind{
		Status: http.StatusServiceUnavailable, Code: "outcome_unknown",
		Says: "The change may or may not be stored. Check before you retry. An order can be placed again with the " +
			"same " +
			"Idempotency-Key.",
		Client: "Send the same request again if it has an `Idempotency-Key`, or a `source` and a `reference`. " +
			"Without one, " +
			"look whether the change is there first.",
		Operator: "The disk failed while it was written to, and the service ends so that its next start finds out. " +
			"Look at the " +
			"disk, then start the service again.",
	}
	KindDiskFull = Kind{
		Status: http.StatusServiceUnavailable, Code: "disk_full",
		Says: "The service's disk is full, and nothing was stored. Retry later. The service recovers by itself once " +
			"there " +
			"is room.",
		Client:   "Send the request again after `Retry-After`.",
		Operator: "Make room on the disk. The service goes on by itself.",
	}
	KindReadOnly = Kind{
		Status: http.StatusServiceUnavailable, Code: "read_only",
		Says:   "The service's file system is read-only. Nothing was stored; reads still work. Retry later.",
		Client: "Send the request again after `Retry-After`.",
		Operator: "Find out why the file system is read-only: the kernel's log says so. After an error of its own it " +
			"has to be " +
			"unmounted and repaired, so stop the service first. Otherwise it goes on by itself.",
	}
	KindCorrupt = Kind{
		Status: http.StatusInternalServerError, Code: "corrupt_record",
		Says:   "A stored record that the answer needs is damaged. An operator has to restore the file from a backup.",
		Client: "Give the operator the `trace_id`. Repeating does not help.",
		Operator: "Stop the service and run `check` on its file: it names the damage. Then restore the file from a " +
			"backup " +
			"and the topic.",
	}
)

// OfBody returns the kinds that any request with a body may get.
func OfBody() []Kind {
	return []Kind{KindBodyUnreadable, KindRequestTimeout, KindBodyTooLarge, KindUnsupportedMedia}
}
