package main

import (
	"net/url"

	"ordertally/activity"
	"ordertally/client"
	"ordertally/shared/parked/parkedverbs"
)

// parkedCmd has the operators' verbs for messages that could not be counted.
type parkedCmd struct {
	// List the parked messages: those that could not be counted.
	Ls parkedverbs.Ls[parkedRemote] `cmd:""`
	// Show a parked message with its bytes, headers and history, as JSON.
	Show parkedverbs.Show[parkedRemote] `cmd:""`
	// Write all parked messages, one JSON object a line.
	Export parkedverbs.Export[parkedRemote] `cmd:""`
	// Try to count parked messages again, by the rules that the running service has now.
	Retry parkedverbs.Retry[parkedRemote] `cmd:""`
	// Give parked messages up, for ever. The decision and its reason are recorded.
	Discard parkedverbs.Discard[parkedRemote] `cmd:""`
}

// lateCmd has the operators' verbs for messages that may have been counted and forgotten.
type lateCmd struct {
	// List the late messages: nobody can tell whether they were counted before.
	Ls parkedverbs.Ls[lateRemote] `cmd:""`
	// Show a late message with its bytes, headers and history, as JSON.
	Show parkedverbs.Show[lateRemote] `cmd:""`
	// Write all late messages, one JSON object a line.
	Export parkedverbs.Export[lateRemote] `cmd:""`
	// Count late messages: they were not counted before.
	Accept parkedverbs.Retry[lateRemote] `cmd:""`
	// Give late messages up, for ever: they were counted before. The decision and its reason are recorded.
	Discard parkedverbs.Discard[lateRemote] `cmd:""`
}

// conflictsCmd has the operators' verbs for messages whose id another message had.
type conflictsCmd struct {
	// List the messages in conflict: another message had their id.
	Ls parkedverbs.Ls[conflictsRemote] `cmd:""`
	// Show a message in conflict with its bytes, headers and history, as JSON.
	Show parkedverbs.Show[conflictsRemote] `cmd:""`
	// Write all messages in conflict, one JSON object a line.
	Export parkedverbs.Export[conflictsRemote] `cmd:""`
	// Count messages in conflict as well, because they are genuine.
	Accept parkedverbs.Retry[conflictsRemote] `cmd:""`
	// Give up messages in conflict for ever, because they are forged or should not count. The decision and its reason
	// are recorded.
	Discard parkedverbs.Discard[conflictsRemote] `cmd:""`
}

// Each remote is a running service with one of an activity's ledgers.
type (
	parkedRemote    struct{ ledgerRemote }
	lateRemote      struct{ ledgerRemote }
	conflictsRemote struct{ ledgerRemote }
)

// Ledger implements parkedverbs.Remote.
func (r parkedRemote) Ledger() parkedverbs.Ledger { return r.ledger(activity.ParkedLedger, "retry") }

// Ledger implements parkedverbs.Remote.
func (r lateRemote) Ledger() parkedverbs.Ledger { return r.ledger(activity.LateLedger, "accept") }

// Ledger implements parkedverbs.Remote.
func (r conflictsRemote) Ledger() parkedverbs.Ledger {
	return r.ledger(activity.ConflictLedger, "accept")
}

// ledgerRemote is what all ledgers share.
type ledgerRemote struct{ counted }

func (r ledgerRemote) ledger(name activity.Ledger, retry string) parkedverbs.Ledger {
	return parkedverbs.Ledger{
		Path: "/v1/activities/" + url.PathEscape(r.Activity) + "/" + string(name), Retry: retry, Program: "activity",
		Columns: []parkedverbs.Column{
			{Title: "ID", Member: "id"}, {Title: "MESSAGE ID", Member: "message_id"}, {Title: "CLASS", Member: "class"},
			{Title: "AT", Member: "at"}, {Title: "ATTEMPTS", Member: "attempts"}, {Title: "BYTES", Member: "bytes"},
			{Title: "REASON", Member: "reason"},
		},
	}
}

// Service implements parkedverbs.Remote.
func (r ledgerRemote) Service() (parkedverbs.Service, error) {
	return r.Connect(client.Config{URL: r.Target, AttemptTimeout: parkedverbs.Timeout}, activityNames)
}
