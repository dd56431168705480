package auth

import (
	"fmt"
	"slices"
	"strings"

	"ordertally/shared/text/spelling"
)

// The scopes, and what each allows.
const (
	OrdersWrite    = "orders:write"    // place orders
	OrdersRead     = "orders:read"     // read orders and how they were delivered
	OrdersBackfill = "orders:backfill" // place orders of the past
	OrdersHandover = "orders:handover" // hand over the orders of another file
	StatsRead      = "stats:read"      // read statistics
	OpsRead        = "ops:read"        // read parked and late messages, conflicts and incidents
	OpsWrite       = "ops:write"       // decide about them
	BackupRead     = "backup:read"     // copy the whole database file
	KeysWrite      = "keys:write"      // make, list and revoke API keys
)

// Public is the scope of a route that needs no credential, such as a page that holds no data.
const Public = "public"

// Scopes returns all scopes, in the order of the documentation.
func Scopes() []string {
	return []string{
		OrdersWrite, OrdersRead, OrdersBackfill, OrdersHandover, StatsRead, OpsRead, OpsWrite, BackupRead, KeysWrite,
	}
}

// CheckScopes refuses a scope that does not exist, an empty list and one that names a scope twice.
func CheckScopes(scopes []string) error {
	if len(scopes) == 0 {
		return fmt.Errorf("no scope is given: name at least one of %s", strings.Join(Scopes(), ", "))
	}
	for i, scope := range scopes {
		if !slices.Contains(Scopes(), scope) {
			hint := ""
			if near := spelling.Nearest(scope[:min(len(scope), 40)], Scopes()); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			return fmt.Errorf("there is no scope %.40q%s; there are %s", scope, hint, strings.Join(Scopes(), ", "))
		}
		if slices.Contains(scopes[:i], scope) {
			return fmt.Errorf("scope %s is given twice", scope)
		}
	}
	return nil
}
