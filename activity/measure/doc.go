// Package measure says what an activity counts, and adds it up: measures over the values of an event, and dimensions
// that split them.
//
//	items: count(lines)                  how many elements
//	units: sum(lines.quantity)           whole numbers that are not negative
//	revenue: sum(total) by currency      the same for each currency, with the smallest and the largest
//	customers: distinct(customer_id)     how many different texts, see Sketch
//
// A [Figure] is what one measure added up to, a [Tally] the little that is kept for a minute or for one value of a
// dimension. All of it merges: figures of parts make those of the whole, in any order. The package is pure and knows no
// events and no time.
package measure
