package activityd

import (
	"context"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
)

// ledgers decides about messages with the activity's definition.
type ledgers struct {
	*activitystore.Store
	def activity.Definition
}

func (l ledgers) decode(p *activity.Parked) (activity.Message, *activity.Poison) {
	return ingest.Decode(&l.def, p)
}

// Decide implements activityapi.Ledgers.
func (l ledgers) Decide(ctx context.Context, ledger activity.Ledger, verb activity.Verb, id string,
	why activity.Why) (activity.Decided, error) {
	return l.Store.Decide(ctx, ledger, verb, id, why, l.decode)
}

// DecideAll implements activityapi.Ledgers.
func (l ledgers) DecideAll(ctx context.Context, ledger activity.Ledger, verb activity.Verb, filter activity.KeptFilter,
	why activity.Why) (activity.Decided, []string, error) {
	return l.Store.DecideAll(ctx, ledger, verb, filter, why, l.decode)
}
