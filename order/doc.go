// Package order is the domain of the order service: what an order may be, how a request for one is read, and the use
// case of placing it.
//
// It knows neither HTTP nor the database. Package orderapi calls it, package orderstore keeps what it accepts.
package order
