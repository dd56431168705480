// Package demo keeps the development stack alive with orders: the three real days of testdata/online-retail, placed as
// if they were the days up to now.
//
// Each day is one of the three, in turn, with its orders at their own times of day. [Shop.CatchUp] places what the last
// eight days had until now. Eight, because the page compares today with the same time yesterday and a week ago.
// [Shop.GoOn] places what comes, each order at its time. A real day has one order in four minutes and none at night, so
// GoOn does not leave it at that: when nothing has come for a while, an order of the busiest hour comes again. Now and
// then one is cancelled.
//
// The orders are made up of real ones, and say so: metadata.demo is "true", and the source is [Source]. Their
// references are of the day, so that no order is placed twice, however often it is tried.
package demo
