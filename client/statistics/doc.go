// Package statistics is a client of the activity service's API: Open, and what is generated from its OpenAPI document
// (see config.yaml).
//
// Figures of ORDER_CREATED have types (GetOrderCreatedDay and the like). Those of other activities are Figures, under
// their names in AdditionalProperties. Sums are *big.Int: a day may exceed 64 bits.
package statistics
