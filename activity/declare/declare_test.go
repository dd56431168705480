package declare_test

import (
	"fmt"
	"strings"
	"testing"

	"ordertally/activity/declare"
	"ordertally/shared/event"
)

const refunded = `
- name: ORDER_REFUNDED
  topic: order.refunded.v1
  type: ORDER_REFUNDED
  type-at: type
  id: event_id
  time: at
  subject: order_id
  measures: {refunds: sum(refund.amount) by refund.currency, orders: distinct(order_id)}
  dimensions: {reason: reason}
  rules: [refund.amount >= 1]
`

func TestShipped_IsWhatTheOrderServicePublishes(t *testing.T) {
	types := event.Types()
	all := declare.Shipped(event.Topic)
	if len(all) != len(types) || all[0].Name != event.TypeCreated {
		t.Errorf("shipped are %+v, published %v", all, types)
	}
	for _, def := range all {
		if def.Name != def.Type || def.Schema != types[def.Type] || def.Source != event.Source {
			t.Errorf("got %+v", def)
		}
	}
}

func TestParse_ReadsDeclarations(t *testing.T) {
	defs, err := declare.Parse(refunded)
	if err != nil || len(defs) != 1 {
		t.Fatal(defs, err)
	}
	d := defs[0]
	if d.ID.String() != "event_id" || d.At.String() != "at" || d.TypeAt.String() != "type" ||
		d.Subject.String() != "order_id" ||
		d.Measures[1].String() != "sum(refund.amount) by refund.currency" || d.Dimensions[0].Path != "reason" ||
		d.Rules[0].String() != "refund.amount >= 1" {
		t.Errorf("got %+v", d)
	}
	for says, change := range map[string][2]string{
		"capital letters": {"name: ORDER_REFUNDED", "name: refunded"},
		"not the name of": {"order.refunded.v1", "a/b"},
		"refunds":         {"sum(refund.amount)", "average(refund.amount)"},
		"another meaning": {"refunds:", "hours:"},
		"is not a rule":   {"refund.amount >= 1", "refund.amount > 1"},
		"header:NAME":     {"id: event_id", "id: 'header:'"},
		"colour":          {"topic:", "colour: red\n  topic:"},
		"must be a list":  {"- name", "name: [ - x"},
	} {
		text := strings.Replace(refunded, change[0], change[1], 1)
		if _, err := declare.Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	bomb := "- &a [x, x, x, x, x, x, x, x]\n"
	for name := 'b'; name < 'k'; name++ {
		bomb += fmt.Sprintf("- &%c [%s]\n", name,
			strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", name-1), 8), ", "))
	}
	for _, text := range []string{bomb, strings.Replace(refunded, "reason: reason", "reason: &r reason", 1)} {
		if _, err := declare.Parse(text); err == nil || !strings.Contains(err.Error(), "anchor or alias") {
			t.Errorf("%.60s: %v", text, err)
		}
	}
	if _, err := declare.Parse(refunded + refunded); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("declared twice: %v", err)
	}
}

// TestWith_TellsTheOtherTypesOfATopic has two activities share a topic: each passes over the other's type, and the
// first parks the rest.
func TestWith_TellsTheOtherTypesOfATopic(t *testing.T) {
	defs, err := declare.Parse(strings.ReplaceAll(refunded, "order.refunded.v1", "orders"))
	if err != nil {
		t.Fatal(err)
	}
	all := declare.With(declare.Shipped("orders")[:1], defs)
	if len(all) != 2 || all[0].OthersPark || !all[1].OthersPark || all[0].Others[0] != "ORDER_REFUNDED" ||
		all[1].Others[0] != "ORDER_CREATED" {
		t.Errorf("got %+v", all)
	}
	own, err := declare.Parse(strings.ReplaceAll(refunded, "ORDER_REFUNDED", "ORDER_CREATED"))
	if err != nil {
		t.Fatal(err)
	}
	if all := declare.With(declare.Shipped("orders")[:2], own); len(all) != 2 || all[0].Topic != "order.refunded.v1" {
		t.Errorf("an own ORDER_CREATED is %+v", all)
	}
}
