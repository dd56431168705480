package order

import (
	"fmt"
	"strings"
)

// Code tells why a request was refused as a whole. The set is closed, and every code is part of the API.
type Code string

// The codes of a Rejection, and of content that a Store refuses.
const (
	// CodeMalformedJSON: the body is not exactly one well-formed JSON object within MaxDepth.
	CodeMalformedJSON Code = "malformed_json"
	// CodeInvalidOrder: the body is well formed but breaks rules of an order.
	CodeInvalidOrder Code = "invalid_order"
	// CodeInvalidCancellation: the body is well formed but breaks rules of a cancellation.
	CodeInvalidCancellation Code = "invalid_cancellation"
	// CodeAlreadyCancelled: see ErrAlreadyCancelled.
	CodeAlreadyCancelled Code = "already_cancelled"
	// CodeOrderTooLarge: the encoded order is larger than MaxPayload.
	CodeOrderTooLarge Code = "order_too_large"
	// CodeInvalidKey: the idempotency key is not 1 to MaxKey visible ASCII characters.
	CodeInvalidKey Code = "invalid_idempotency_key"
	// CodeKeyReused: see ErrKeyReused.
	CodeKeyReused Code = "idempotency_key_reused"
	// CodeReferenceTaken: see ErrReferenceTaken.
	CodeReferenceTaken Code = "reference_taken"
)

// Rule names the one rule that a Violation broke. The set is closed, and every rule is part of the API.
type Rule string

// Rules of well-formedness. A body that breaks one has only this violation, because nothing after it can be read.
const (
	RuleEmptyBody    Rule = "empty_body"    // there is no JSON value
	RuleNotAnObject  Rule = "not_an_object" // the outermost value is not an object
	RuleSyntax       Rule = "syntax"        // not JSON; this includes half of a surrogate pair
	RuleInvalidUTF8  Rule = "invalid_utf8"  // bytes that are not UTF-8
	RuleRepeatedName Rule = "repeated_name" // an object names a member twice
	RuleTooDeep      Rule = "too_deep"      // deeper than MaxDepth
	RuleTrailingData Rule = "trailing_data" // something follows the object
)

// Rules of an order.
const (
	RuleRequired         Rule = "required"          // a field that must be given is missing
	RuleUnknownField     Rule = "unknown_field"     // no field has this name; names are case-sensitive
	RuleComputedField    Rule = "computed_field"    // the service computes this field and does not accept it
	RuleWrongType        Rule = "wrong_type"        // another JSON type; null is always wrong
	RuleNotAnInteger     Rule = "not_an_integer"    // a number with a fraction; 1.0 and 1e3 have none
	RuleOutOfRange       Rule = "out_of_range"      // a number too small or too large, a time too early or too late
	RuleOverflow         Rule = "overflow"          // a line's amount or the total exceeds 2^63-1
	RuleEmpty            Rule = "empty"             // no character or no entry where one is needed
	RuleTooLong          Rule = "too_long"          // too many characters
	RuleTooMany          Rule = "too_many"          // too many entries
	RuleInvalidCharacter Rule = "invalid_character" // a control character
	RuleUnknownCurrency  Rule = "unknown_currency"  // not an ISO 4217 code in upper case that was active at placed_at
	RuleInvalidTime      Rule = "invalid_time"      // not RFC 3339, or a date or time that does not exist
	RuleTooLarge         Rule = "too_large"         // the order as a whole has too many bytes
)

// Rules returns all rules.
func Rules() []Rule {
	return []Rule{
		RuleEmptyBody, RuleNotAnObject, RuleSyntax, RuleInvalidUTF8, RuleRepeatedName, RuleTooDeep, RuleTrailingData,
		RuleRequired, RuleUnknownField, RuleComputedField, RuleWrongType, RuleNotAnInteger, RuleOutOfRange,
		RuleOverflow, RuleEmpty, RuleTooLong,
		RuleTooMany, RuleInvalidCharacter, RuleUnknownCurrency, RuleInvalidTime, RuleTooLarge,
	}
}

// Violation is one broken rule and where it was broken.
type Violation struct {
	Pointer string // RFC 6901; "" is the whole body; for a missing field, where it would be
	Rule    Rule
	Detail  string // an English sentence without its subject, such as "is missing"
}

// Rejection is the error for a request that was refused because of its content. Nothing was stored, and the same
// request will be refused again.
type Rejection struct {
	Code       Code
	Violations []Violation // in the order found, at most MaxViolations
	Total      int         // how many violations there were
}

// Error returns the code and the violations.
func (r *Rejection) Error() string {
	var b strings.Builder
	b.WriteString(string(r.Code))
	for i, v := range r.Violations {
		b.WriteString(map[bool]string{true: ": ", false: "; "}[i == 0])
		if v.Pointer != "" {
			b.WriteString(v.Pointer + " ")
		}
		b.WriteString(v.Detail)
	}
	if more := r.Total - len(r.Violations); more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// reject returns the rejection for a single violation.
func reject(code Code, v Violation) *Rejection {
	return &Rejection{Code: code, Violations: []Violation{v}, Total: 1}
}
