// Package orders is the client of the order service's API. What it has is generated from the API's OpenAPI document
// (see config.yaml); package client says what every call does about failures.
package orders
