package activitystore

import (
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/activity"
)

var keyDeclared = []byte("declared")

// declared is what the figures of an activity mean, by their names: measures as they are declared, dimensions by their
// paths.
type declared struct {
	Measures   map[string]string `json:"measures"`
	Dimensions map[string]string `json:"dimensions"`
}

// checkDeclared refuses an activity that counts something else under a name that was counted before: the sum of both
// would be of nothing. New names are noted; those that are declared no more keep their meaning.
func checkDeclared(root *bbolt.Bucket, def *activity.Definition) error {
	var known declared
	if sealed := root.Get(keyDeclared); sealed != nil {
		if err := readJSON(keyDeclared, sealed, &known); err != nil {
			return fmt.Errorf("read what the activity has counted: %w", err)
		}
	}
	if known.Measures == nil {
		known.Measures, known.Dimensions = map[string]string{}, map[string]string{}
	}
	for _, m := range def.Measures {
		if err := note(known.Measures, "measure", m.Name, m.String()); err != nil {
			return err
		}
	}
	for _, d := range def.Dimensions {
		if err := note(known.Dimensions, "dimension", d.Name, string(d.Path)); err != nil {
			return err
		}
	}
	return putJSON(root, keyDeclared, known)
}

func note(names map[string]string, kind, name, meaning string) error {
	if before, found := names[name]; found && before != meaning {
		return fmt.Errorf("the %s %s was counted as %q and is declared as %q now: give the new one another name, or "+
			"the activity another data file",
			kind, name, before, meaning)
	}
	names[name] = meaning
	return nil
}
