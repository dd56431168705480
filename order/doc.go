// Package order is the domain of the order service: what an order may contain, how a request is read, and how an order
// is placed or cancelled.
//
// It knows neither HTTP nor the database. Package orderapi calls it. Package orderstore stores what it accepts.
package order
