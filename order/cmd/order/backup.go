package main

import (
	"ordertally/order/orderstore"
	"ordertally/shared/backup/backupverbs"
)

// backedUp is what the verb backup works on.
func backedUp() *backupverbs.Service {
	return &backupverbs.Service{Service: orderstore.Backup(), KeyVariable: keyVariable}
}
