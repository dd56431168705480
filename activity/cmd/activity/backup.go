package main

import (
	"ordertally/activity/activitystore"
	"ordertally/shared/backup/backupverbs"
)

// backedUp is what the verb backup works on.
func backedUp() *backupverbs.Service {
	return &backupverbs.Service{Service: activitystore.Backup(), KeyVariable: keyVariable}
}
