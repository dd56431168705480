package keyverbs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/settings"
	"ordertally/shared/text/fieldtext"
	"ordertally/shared/text/output"
)

// orderService is the service of the verbs.
var orderService = &Service{Format: boltdb.Format{Service: "order", Number: 1}}

// rig is a service's file, absent at first.
type rig struct {
	t    *testing.T
	file common
}

func newRig(t *testing.T) *rig {
	return &rig{t, common{Data: filepath.Join(t.TempDir(), "service.db")}}
}

// make makes a key and returns its credential and id.
func (r *rig) make(name string, expires time.Duration, scopes ...string) (credential, id string) {
	r.t.Helper()
	var stdout, stderr bytes.Buffer
	c := New{common: r.file, Name: name, Scopes: scopes, Expires: lifetime(expires), Never: expires == 0}
	if err := c.run(r.t.Context(), orderService, &stdout, &stderr); err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSuffix(stdout.String(), "\n"), strings.Split(stdout.String(), "_")[1]
}

func (r *rig) ls(form string) string {
	r.t.Helper()
	var out bytes.Buffer
	if err := (&Ls{r.file, output.RowsForm{Output: form}}).run(r.t.Context(), orderService, &out); err != nil {
		r.t.Fatal(err)
	}
	return out.String()
}

func (r *rig) revoke(id string) (string, error) {
	var out bytes.Buffer
	err := (&Revoke{common: r.file, ID: id}).run(r.t.Context(), orderService, &out)
	return out.String(), err
}

// keys calls do with the keys of the file. Their clock is d ahead.
func (r *rig) keys(d time.Duration, do func(*auth.Keys)) {
	r.t.Helper()
	db, err := boltdb.Open(r.file.Data, boltdb.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	keys, err := auth.OpenKeys(r.t.Context(), db, clock.NewManual(time.Now().Add(d)))
	if err != nil {
		r.t.Fatal(err)
	}
	do(keys)
}

func TestNew_PrintsTheKeyOnce(t *testing.T) {
	r := newRig(t)
	var stdout, stderr bytes.Buffer
	c := New{common: r.file, Name: "shop", Scopes: []string{auth.OrdersWrite, auth.OrdersRead},
		Expires: lifetime(time.Hour)}
	if err := c.run(t.Context(), orderService, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^ot_[a-z2-7]{10}_[a-z2-7]{26}\n$`).MatchString(stdout.String()) {
		t.Errorf("standard output: %q", &stdout) // a script takes all of it for the key
	}
	parts := strings.Split(strings.TrimSpace(stdout.String()), "_")
	said := stderr.String()
	for _, want := range []string{"key " + parts[1] + " of shop", "orders:write,orders:read", "until 20", "once"} {
		if !strings.Contains(said, want) {
			t.Errorf("standard error lacks %q: %s", want, said)
		}
	}
	if strings.Contains(said, parts[2]) {
		t.Errorf("standard error has the secret: %s", said)
	}
	content, err := os.ReadFile(r.file.Data)
	if err != nil || bytes.Contains(content, []byte(parts[2])) {
		t.Errorf("the file has the secret: %v", err)
	}
	if credential, _ := r.make("till", 0, auth.OrdersRead); credential == strings.TrimSpace(stdout.String()) {
		t.Error("two keys are one")
	}
}

func TestNew_RefusesWhatIsNoKey(t *testing.T) {
	good := New{Name: "shop", Scopes: []string{auth.OrdersRead}}
	for what, change := range map[string]func(*New){
		"orders:reed":    func(c *New) { c.Scopes = []string{"orders:reed"} },
		"given twice":    func(c *New) { c.Scopes = []string{auth.OpsRead, auth.OpsRead} },
		"no scope":       func(c *New) { c.Scopes = nil },
		"name":           func(c *New) { c.Name = "" },
		"without spaces": func(c *New) { c.Name = "a shop" },
		"64":             func(c *New) { c.Name = strings.Repeat("n", 65) },
	} {
		r := newRig(t)
		c := good
		c.common = r.file
		change(&c)
		var stdout, stderr bytes.Buffer
		err := c.run(t.Context(), orderService, &stdout, &stderr)
		if err == nil || settings.ExitCode(err) != settings.ExitUsage || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: exit %d, %v", what, settings.ExitCode(err), err)
		}
		if stdout.Len() > 0 {
			t.Errorf("%s: a key was printed", what)
		}
		if _, err := os.Stat(r.file.Data); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the file was made: %v", what, err)
		}
	}
}

// The key is in the file, but nobody has it.
func TestNew_NamesAKeyThatItCannotPrint(t *testing.T) {
	r := newRig(t)
	full, err := os.Open(os.DevNull) // not for writing
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	err = (&New{common: r.file, Name: "shop", Scopes: []string{auth.OpsRead}}).run(t.Context(), orderService, full,
		&bytes.Buffer{})
	var id string
	r.keys(0, func(k *auth.Keys) { id = k.List()[0].ID })
	if err == nil || !strings.Contains(err.Error(), "revoke key "+id) {
		t.Errorf("%v, want to revoke %s", err, id)
	}
}

func TestLs_ShowsWhatBecameOfTheKeys(t *testing.T) {
	r := newRig(t)
	credentials := map[string]string{} // by state
	var id string
	credentials["active"], _ = r.make("shop", 0, auth.OrdersWrite, auth.OrdersRead)
	credentials["revoked"], id = r.make("till", time.Hour, auth.OrdersRead)
	if said, err := r.revoke(id); err != nil || said != "key "+id+" is revoked\n" {
		t.Fatalf("%s, %v", said, err)
	}
	r.keys(-2*time.Hour, func(k *auth.Keys) { // two hours ago, for one
		var err error
		if _, credentials["expired"], err = k.New(t.Context(), "old", []string{auth.StatsRead},
			time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	})
	names := map[string]string{"active": "shop", "revoked": "till", "expired": "old"}
	type row struct {
		ID, Name, State string
		Scopes          []string
		CreatedAt       time.Time `json:"created_at"`
		RevokedAt       time.Time `json:"revoked_at"`
	}
	check := func(form string, rows []row) {
		t.Helper()
		if len(rows) != 3 || rows[0].State != "expired" { // the oldest first
			t.Errorf("%s: %+v", form, rows)
		}
		for _, got := range rows {
			credential := credentials[got.State]
			if got.Name != names[got.State] || !strings.HasPrefix(credential, "ot_"+got.ID+"_") ||
				len(got.Scopes) == 0 || got.CreatedAt.IsZero() || got.RevokedAt.IsZero() == (got.State == "revoked") {
				t.Errorf("%s: %+v", form, got)
			}
		}
	}
	var whole struct{ Keys []row }
	if err := json.Unmarshal([]byte(r.ls("json")), &whole); err != nil {
		t.Fatal(err)
	}
	check("json", whole.Keys)
	var rows []row
	for line := range strings.Lines(r.ls("ndjson")) {
		var one row
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, one)
	}
	check("ndjson", rows)
	lines := slices.Collect(strings.Lines(r.ls("table")))
	if len(lines) != 4 || !slices.Equal(strings.Fields(lines[0]),
		[]string{"ID", "NAME", "STATE", "SCOPES", "CREATED", "EXPIRES", "LAST", "USE"}) {
		t.Fatalf("table: %q", lines)
	}
	for _, want := range []string{`old +expired +stats:read +\S+Z +\S+Z +never`,
		`shop +active +orders:write,orders:read +\S+Z +never +never`, `till +revoked +orders:read +\S+Z +\S+Z +never`} {
		if !slices.ContainsFunc(lines, regexp.MustCompile(`^[a-z2-7]{10} +`+want+`\n$`).MatchString) {
			t.Errorf("table %q lacks %s", lines, want)
		}
	}
	for _, form := range []string{"table", "json", "ndjson"} {
		said := r.ls(form)
		for state, credential := range credentials {
			if strings.Contains(said, credential[len("ot_0123456789_"):]) {
				t.Errorf("%s has the secret of the %s key", form, state)
			}
		}
		if strings.Contains(said, "sha256") || regexp.MustCompile(`[0-9a-f]{64}`).MatchString(said) {
			t.Errorf("%s has a hash: %s", form, said)
		}
	}
}

func TestLs_OfNoKeys(t *testing.T) {
	r := newRig(t)
	r.keys(0, func(*auth.Keys) {})
	for form, want := range map[string]string{"json": `{"keys":[]}` + "\n", "ndjson": "",
		"table": "ID  NAME  STATE  SCOPES  CREATED  EXPIRES  LAST USE\n"} {
		if said := r.ls(form); said != want {
			t.Errorf("%s: %q, want %q", form, said, want)
		}
	}
}

func TestRevoke_OfWhatIsNoKey(t *testing.T) {
	r := newRig(t)
	_, id := r.make("shop", 0, auth.OrdersRead)
	for _, unknown := range []string{"aaaaaaaaaa", "", id + "a", "ot_" + id} {
		said, err := r.revoke(unknown)
		if !errors.Is(err, auth.ErrNoKey) || settings.ExitCode(err) != settings.ExitFailed ||
			!strings.Contains(err.Error(), "keys ls") || said != "" {
			t.Errorf("%q: %s, %v", unknown, said, err)
		}
	}
	var before auth.Key
	r.keys(-time.Hour, func(k *auth.Keys) {
		var err error
		if before, err = k.Revoke(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := r.revoke(id); err != nil {
		t.Error(err)
	}
	// the time of revocation does not change
	if said := r.ls("json"); !strings.Contains(said, `"revoked_at":"`+before.RevokedAt.Format(time.RFC3339)) {
		t.Errorf("again: %s, want %s", said, before.RevokedAt)
	}
}

// The test has the file open, as a running service would.
func TestVerbs_NeedTheServiceStopped(t *testing.T) {
	r := newRig(t)
	_, id := r.make("shop", 0, auth.OrdersRead)
	r.keys(0, func(k *auth.Keys) {
		var out bytes.Buffer
		_, revoking := r.revoke(id)
		for verb, err := range map[string]error{
			"new": (&New{common: r.file, Name: "till", Scopes: []string{auth.OpsRead}}).run(t.Context(), orderService,
				&out,
				&out),
			"ls":     (&Ls{common: r.file}).run(t.Context(), orderService, &out),
			"revoke": revoking,
		} {
			if !errors.Is(err, boltdb.ErrLocked) || !strings.Contains(err.Error(), "stop the service") {
				t.Errorf("%s: %v", verb, err)
			}
		}
		if out.Len() > 0 || len(k.List()) != 1 {
			t.Errorf("said %q, and there are %d keys", &out, len(k.List()))
		}
	})
}

func TestVerbs_DoNotMakeAnAbsentFile(t *testing.T) {
	r := newRig(t)
	_, revoking := r.revoke("aaaaaaaaaa")
	for verb, err := range map[string]error{"ls": (&Ls{common: r.file}).run(t.Context(), orderService, &bytes.Buffer{}),
		"revoke": revoking} {
		if !errors.Is(err, fs.ErrNotExist) || settings.ExitCode(err) != settings.ExitUsage ||
			!strings.HasPrefix(err.Error(), "--data: ") {
			t.Errorf("%s: exit %d, %v", verb, settings.ExitCode(err), err)
		}
	}
	if _, err := os.Stat(r.file.Data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
}

func TestNew_HelpNamesEveryScope(t *testing.T) {
	help := fieldtext.Of(reflect.TypeFor[New](), "Scopes").Says
	for _, scope := range auth.Scopes() {
		if !strings.Contains(help, scope) {
			t.Errorf("--help does not name %s: %s", scope, help)
		}
	}
}
