// Package statistics is a client of the activity service's API, generated from its OpenAPI document (see config.yaml).
package statistics
