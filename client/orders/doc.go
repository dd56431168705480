// Package orders is a client of the order service's API: Open, and what is generated from its OpenAPI document (see
// config.yaml).
//
// It sends each request once. A request with an Idempotency-Key may be repeated after a failure, a 429 or a 503, whose
// Retry-After says when; the example in the directory above has a transport that does so.
package orders
