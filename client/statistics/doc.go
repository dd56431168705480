// Package statistics is the client of the activity service's API. What it has is generated from the API's OpenAPI
// document (see config.yaml); package client says what every call does about failures.
//
// Figures of ORDER_CREATED have types (GetOrderCreatedDay and the like). Those of other activities are Figures, under
// their names in AdditionalProperties. Sums are *big.Int: a day may exceed 64 bits.
package statistics
