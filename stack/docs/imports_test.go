package docs_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// rule lists what packages below from must not import. Test files may, except under the first two rules.
type rule struct {
	from   string
	never  []string
	except []string // packages below from that may import it
	allow  []string // packages below never that may be imported anyway
	tests  bool     // the rule also applies to test files
}

var rules = []rule{
	{from: "order", never: []string{"activity", "stack"}, tests: true},
	{from: "activity", never: []string{"order", "stack"}, tests: true},
	{from: "shared", never: []string{"order", "activity", "stack"}},
	// The domains know neither HTTP nor bbolt nor Kafka.
	{
		from: "order",
		never: []string{"net/http", "go.etcd.io/bbolt", "github.com/confluentinc", "shared/boltdb", "shared/kafka",
			"shared/web"},
		except: []string{"order/orderstore", "order/orderapi", "order/retail", "order/orderd",
			"order/restore", "order/cmd"},
	},
	{
		from: "activity",
		never: []string{"net/http", "go.etcd.io/bbolt", "github.com/confluentinc", "shared/boltdb",
			"shared/web"},
		except: []string{"activity/activitystore", "activity/activityapi", "activity/ingest", "activity/rebuild",
			"activity/activityd", "activity/verify", "activity/cmd"},
		allow: []string{"shared/boltdb/codec"}, // a kind of measure defines how it is stored
	},
	{from: "shared/boltdb/codec", never: []string{"go.etcd.io/bbolt", "shared"}},
	// Only one package imports the Kafka client, and the services' programs contain no dev broker.
	{from: "order", never: []string{"github.com/confluentinc", "github.com/twmb", "shared/kafka/devbroker"}},
	{from: "activity", never: []string{"github.com/confluentinc", "github.com/twmb", "shared/kafka/devbroker"}},
	{from: "shared", never: []string{"github.com/confluentinc"}, except: []string{"shared/kafka"}},
	{from: "shared", never: []string{"github.com/twmb", "shared/kafka/devbroker"},
		except: []string{"shared/kafka/devbroker"}},
	{from: "shared/boltdb", never: []string{"shared/outbox", "shared/inbox", "shared/kafka"}},
	{from: "shared/outbox", never: []string{"shared/kafka", "shared/event", "net/http"},
		allow: []string{"shared/event/cloudevent"}},
	{from: "shared/inbox", never: []string{"shared/kafka", "shared/event", "net/http"},
		allow: []string{"shared/event/cloudevent"}},
}

// TestImportRules_AreKept reads the imports of every file. (A test that asks the go command would pass from the test
// cache although it is stale.)
func TestImportRules_AreKept(t *testing.T) {
	files := 0
	const root = "../.."
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && name != root) {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := path.Dir(strings.TrimPrefix(filepath.ToSlash(name), root+"/"))
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, name, from, strings.TrimPrefix(imported, "ordertally/"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 500 {
		t.Fatalf("only %d files were read", files)
	}
}

func checkImport(t *testing.T, file, from, imported string) {
	t.Helper()
	for _, r := range rules {
		if !below(from, r.from) || anyBelow(from, r.except) || strings.HasSuffix(file, "_test.go") && !r.tests {
			continue
		}
		if anyBelow(imported, r.never) && !anyBelow(imported, r.allow) {
			t.Errorf("%s imports %s, which nothing below %s may", file, imported, r.from)
		}
	}
}

func below(name, parent string) bool { return name == parent || strings.HasPrefix(name, parent+"/") }

func anyBelow(name string, parents []string) bool {
	for _, parent := range parents {
		if below(name, parent) {
			return true
		}
	}
	return false
}
