package activitystore

import (
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/activity"
)

var keyDeclared = []byte("declared")

// declared says what the figures of an activity mean, by name: the declaration of a measure, the path of a dimension.
type declared struct {
	Measures   map[string]string `json:"measures"`
	Dimensions map[string]string `json:"dimensions"`
}

// checkDeclared refuses an activity that gives another meaning to a name that was counted before: the two cannot be
// added up. It notes new names. A name that is no longer declared keeps its meaning.
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
