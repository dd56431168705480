package main

import (
	"bytes"
	"encoding/json"
	"os"

	"ordertally/activity/activityapi"
	"ordertally/activity/declare"
	"ordertally/order/orderapi"
	"ordertally/shared/event"
	"ordertally/shared/web/openapi"
)

type openapiCmd struct {
	// Whose.
	Service string `arg:"" enum:"order,activity"`
}

// Run prints the document, indented.
func (c *openapiCmd) Run() error {
	document := orderapi.Document()
	if c.Service == "activity" { // with the activities that are counted by default
		document = activityapi.Document(declare.OrderCreated(event.Topic))
	}
	var text bytes.Buffer
	if err := json.Indent(&text, openapi.Text(document), "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	_, err := os.Stdout.Write(text.Bytes())
	return err
}

type schemaCmd struct {
	// Of which messages, such as ORDER_CREATED.
	Type string `arg:""`
}

// Run prints the JSON Schema of a message type.
func (c *schemaCmd) Run() error {
	text, err := orderapi.MessageSchema(c.Type)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}
