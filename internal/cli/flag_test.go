package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	order "github.com/slipwayhq/slipway/internal/engine/flags"
	flags "github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// decode reads what a command printed with --json.
func decode[T any](t *testing.T, r result) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.out), &v); err != nil {
		t.Fatalf("%v: %s", err, r.out)
	}
	return v
}

// The whole life of a flag at the command line.
func TestAFlagAtTheCommandLine(t *testing.T) {
	ada := signedIn(t)
	if out := ada.must("", "flag", "list").out; !strings.Contains(out, "flag create") {
		t.Error(out)
	}
	out := ada.must("", "flag", "create", "checkout", "--owner", "core", "--tag", "shop", "--expires", "2030-01-31").out
	for _, want := range []string{"owner", "core", "on = true", "off = false", "gone by 2030-01-31", "production"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	ada.must("", "segment", "set", "staff", "-e", "production", "--group", "email ends_with @example.com")
	set := decode[api.FlagChange](t, ada.must("", "flag", "set", "checkout", "-e", "production", "--json",
		"--rule", "segment staff -> on", "--rule", "plan = pro, team and not country in DE -> on:50,off:50", "--default",
		"off"))
	if len(set.Config.Rules) != 2 || set.Config.Default.Variant != "off" || !set.Done {
		t.Errorf("%+v", set)
	}
	first := set.Config.Rules[1].ID
	set = decode[api.FlagChange](t, ada.must("", "flag", "set", "checkout", "-e", "production", "--json",
		"--rule", "plan = pro, team and not country in DE -> on:50,off:50", "--rule", "segment staff -> on"))
	if set.Config.Rules[0].ID != first {
		t.Errorf("a rule that moved became another: %+v", set.Config.Rules)
	}
	ada.must("", "flag", "on", "checkout", "-e", "production")
	ada.must("", "flag", "rollout", "checkout", "25%", "-e", "production")
	got := decode[api.Flag](t, ada.must("", "flag", "get", "checkout", "-e", "production", "--json"))
	if len(got.Environments) != 1 || got.Environments[0].Share != 25 || !got.Environments[0].On {
		t.Errorf("%+v", got.Environments)
	}
	try := ada.must("", "flag", "try", "checkout", "--context", "targetingKey=ada", "--context", "plan=pro").out
	if !strings.Contains(try, "ada") {
		t.Error(try)
	}
	if r := ada.run("", "flag", "off", "checkout", "-e", "production"); r.code != 2 ||
		!strings.Contains(r.err, "Say why") {
		t.Errorf("%+v", r)
	}
	if r := ada.run("", "flag", "sync", "vercel", "--dry-run"); r.code == 0 || !strings.Contains(r.err, "target.vercel") {
		t.Errorf("flags go to a Vercel that is not there: %+v", r)
	}
	if r := ada.must("", "flag", "sync", "status", "checkout"); !strings.Contains(r.out, "No flags are written") {
		t.Errorf("nothing stands there: %+v", r)
	}
	if r := ada.must("", "flag", "sync", "status", "--json"); strings.TrimSpace(r.out) != "[]" {
		t.Errorf("nothing stands there: %+v", r)
	}
	if r := ada.run("", "flag", "sync", "unleash", "--dry-run"); r.code != 2 || !strings.Contains(r.err, "vercel") {
		t.Errorf("flags go to another system: %+v", r)
	}
	ada.must("", "flag", "off", "checkout", "-e", "production", "--reason", "payments fail")
	history := ada.must("", "flag", "history", "checkout").out
	if !strings.Contains(flat(history), "payments fail") || strings.Count(history, "\n") < 5 {
		t.Error(history)
	}
	plan := ada.must("", "flag", "promote", "checkout", "--from", "production", "--to", "staging", "--dry-run")
	if !strings.Contains(plan.out, "lacks segment staff") || !strings.Contains(plan.out, "Nothing was changed") {
		t.Error(plan.out)
	}
	ada.must("", "flag", "revert", "checkout", "1", "-e", "production", "--reason", "from the start")
	if uses := ada.must("", "segment", "uses", "staff").out; !strings.Contains(uses, "No flag") {
		t.Error(uses)
	}
	ada.must("", "segment", "delete", "staff", "-e", "production", "--yes")
	ada.must("", "flag", "archive", "checkout")
	if out := ada.must("", "flag", "list", "--state", "archived").out; !strings.Contains(out, "checkout") {
		t.Error(out)
	}
	ada.must("", "flag", "restore", "checkout")
	ada.must("", "flag", "usage", "checkout")
	ada.must("", "flag", "stale")
}

// A change never guesses where, and says where it could be.
func TestAChangeWantsToKnowWhere(t *testing.T) {
	ada := signedIn(t)
	ada.must("", "flag", "create", "checkout")
	for _, args := range [][]string{
		{"flag", "on", "checkout"}, {"flag", "off", "checkout"}, {"flag", "rollout", "checkout", "5"},
		{"flag", "set", "checkout", "--default", "on"}, {"flag", "revert", "checkout", "1"}, {"segment", "set", "a"},
		{"segment", "members", "a", "--add", "x"}, {"segment", "delete", "a", "--yes"}, {"flag-key", "create", "a"},
	} {
		if r := ada.run("", args...); r.code != 2 || !strings.Contains(r.err, "-e ") || !strings.Contains(r.err, "staging") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	ada.env["SLIPWAY_ENVIRONMENT"] = "staging"
	if out := ada.must("", "flag", "on", "checkout").out; !strings.Contains(out, "staging") {
		t.Error(out)
	}
}

func TestWhatIsWrittenWronglyIsSaid(t *testing.T) {
	ada := signedIn(t)
	ada.must("", "flag", "create", "checkout")
	for _, test := range [][]string{
		{"a number", "flag", "rollout", "checkout", "much", "-e", "staging"},
		{"NAME=JSON", "flag", "create", "x", "--variant", "red"},
		{"2027-01-31", "flag", "create", "x", "--expires", "soon"},
		{"no operator", "flag", "set", "checkout", "-e", "staging", "--rule", "plan like pro -> on"},
		{"no rule", "flag", "set", "checkout", "-e", "staging", "--rule", "plan = pro"},
		{"nothing to change", "flag", "set", "checkout", "-e", "staging"},
		{"FLAG=VARIANT", "flag", "set", "checkout", "-e", "staging", "--needs", "other"},
		{"NAME=VALUE", "flag", "try", "checkout", "--context", "ada"},
		{"a number from 1", "flag", "revert", "checkout", "first", "-e", "staging"},
		{"stale or archived", "flag", "scan", "--fail-if", "bad"},
	} {
		if r := ada.run("", test[1:]...); r.code != 2 || !strings.Contains(r.err, test[0]) {
			t.Errorf("%v: %+v", test, r)
		}
	}
}

func TestSegmentsNameUsers(t *testing.T) {
	ada := signedIn(t)
	ada.must("", "segment", "set", "beta", "-e", "production", "--description", "Who asked for it")
	file := filepath.Join(t.TempDir(), "people.txt")
	if err := os.WriteFile(file, []byte("bob\n\n cy \nada\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ada.must("", "segment", "members", "beta", "-e", "production", "--from", file)
	ada.must("dan\n", "segment", "members", "beta", "-e", "production", "--from", "-", "--remove", "cy")
	if out := ada.must("", "segment", "members", "beta").out; out != "ada\nbob\ndan\n" {
		t.Error(out)
	}
	ada.must("eve\n", "segment", "members", "beta", "-e", "production", "--from", "-", "--replace")
	s := decode[api.Segment](t, ada.must("", "segment", "get", "beta", "--json"))
	if s.Listed != 1 || s.Description != "Who asked for it" {
		t.Errorf("%+v", s)
	}
	if out := ada.must("", "segment", "list").out; !strings.Contains(out, "beta") {
		t.Error(out)
	}
	ada.must("", "segment", "set", "beta", "-e", "production", "--description", "Everybody")
	if out := ada.must("", "segment", "history", "beta").out; !strings.Contains(out, "makes the segment beta") {
		t.Error(out)
	}
	if out := ada.must("", "segment", "revert", "beta", "1", "-e", "production").out; !strings.Contains(out,
		"Who asked for it") {
		t.Error(out)
	}
}

func TestFlagKeysAreShownOnce(t *testing.T) {
	ada := signedIn(t)
	r := ada.must("", "flag-key", "create", "shop", "-e", "production")
	if !strings.HasPrefix(r.out, "slwf_srv_") || strings.Count(r.out, "\n") != 1 || !strings.Contains(r.err, "revoke") {
		t.Errorf("%+v", r)
	}
	list := decode[[]api.FlagKey](t, ada.must("", "flag-key", "list", "--json"))
	if len(list) != 1 || list[0].Secret != "" {
		t.Fatalf("%+v", list)
	}
	ada.must("", "flag-key", "revoke", list[0].ID)
	if out := ada.must("", "flag-key", "list").out; !strings.Contains(out, "revoked") {
		t.Error(out)
	}
}

// The scan finds code, and fails a pipeline when code asks for what should be gone.
func TestScanFindsCode(t *testing.T) {
	ada := signedIn(t)
	ada.must("", "flag", "create", "checkout")
	ada.must("", "flag", "create", "unused")
	folder := t.TempDir()
	source := "package shop\n\nvar on = client.BooleanValue(ctx, \"checkout\", false, user)\n"
	if err := os.WriteFile(filepath.Join(folder, "shop.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	out := ada.must("", "flag", "scan", folder).out
	if !strings.Contains(out, "shop.go:3") || !strings.Contains(out, "nowhere in them: 1") {
		t.Error(out)
	}
	ada.must("", "flag", "scan", folder, "--fail-if", "stale")
	ada.must("", "flag", "archive", "checkout")
	if r := ada.run("", "flag", "scan", folder, "--fail-if", "archived"); r.code != 6 ||
		!strings.Contains(r.err, "checkout") {
		t.Errorf("%+v", r)
	}
}

// The kill switch works while no server does.
func TestOffGoesPastAServer(t *testing.T) {
	folder := t.TempDir()
	alone := person{t: t, home: folder, env: map[string]string{"SLIPWAY_URL": "http://127.0.0.1:1", "USER": "ada",
		"SLIPWAY_TOKEN": "slp_x"}}
	file := filepath.Join(folder, "slipway.yaml")
	if err := os.WriteFile(file, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := alone.run("", "flag", "off", "checkout", "-e", "production"); r.code != 7 ||
		!strings.Contains(r.err, "--database URL") {
		t.Errorf("%+v", r)
	}
	none := filepath.Join(folder, "none.db")
	if r := alone.run("", "flag", "off", "checkout", "-e", "production", "--reason", "x", "--strategy", file, "--database",
		none); r.code != 7 || !strings.Contains(r.err, "no database") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a database was made")
	}
	if r := alone.run("", "flag", "off", "checkout", "-e", "production", "--straight", "--strategy", file); r.code != 2 ||
		!strings.Contains(r.err, "SLIPWAY_DATABASE_URL") {
		t.Errorf("%+v", r)
	}
}

// Changes wait for their time, are listed, and can be taken back.
// What a promotion, an import or a file changes is said in words: JSON is for --json.
func TestChangesAreSaidInWords(t *testing.T) {
	ada := signedIn(t)
	ada.must("", "flag", "create", "checkout")
	ada.must("", "flag", "set", "checkout", "-e", "staging", "--rule", "plan equals pro -> on", "--default",
		"on:25,off:75")
	out := ada.must("", "flag", "promote", "checkout", "--from", "staging", "--to", "production", "--dry-run").out
	for _, want := range []string{"Rule added: on for users whose plan is pro", "25 %", "Nothing was changed"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	file := filepath.Join(t.TempDir(), "flags.yaml")
	export := strings.Replace(ada.must("", "flag", "export").out, "plan equals pro", "plan equals team", 1)
	if err := os.WriteFile(file, []byte(export), 0o600); err != nil {
		t.Fatal(err)
	}
	diff := ada.run("", "flag", "diff", file).out
	if strings.ContainsAny(out+diff, "{}[]") || !strings.Contains(diff, "team") {
		t.Errorf("%s\n%s", out, diff)
	}
}

func TestAnEmptyListSaysWhatToDo(t *testing.T) {
	ada := signedIn(t)
	out := ada.must("", "flag", "list").out
	for _, want := range []string{"There is no flag yet.", "flag create", "flag import", "flag apply", "flag-key create"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	ada.must("", "flag", "create", "checkout")
	if out := ada.must("", "flag", "list", "--state", "archived").out; !strings.Contains(out, "No flag is like that") {
		t.Error(out)
	}
}

// In a container nothing sets USER: who runs the process is asked of the machine, and only who is nobody there has to
// say it.
func TestOffGoesPastAServerWithoutUSER(t *testing.T) {
	folder := t.TempDir()
	file, database := filepath.Join(folder, "slipway.yaml"), filepath.Join(folder, "slipway.db")
	if err := os.WriteFile(file, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := strategy.Parse("slipway.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	writer := engine.New(engine.Options{DB: db, Strategy: plan, Timeline: metric.NewTimeline(0, 0)})
	root := access.Actor{ID: "system:test", Name: "test", Grants: access.Everything()}
	_, err = writer.Flags.Create(t.Context(), root, flags.Flag{Key: "checkout", Kind: flags.Boolean})
	if err != nil {
		t.Fatal(err)
	}
	_, err = writer.Flags.Do(t.Context(), root, order.Order{Kind: order.On, Flag: "checkout", Environment: "production"},
		order.How{})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	off := []string{"flag", "off", "checkout", "-e", "production", "--reason", "x", "--strategy", file,
		"--database", database}
	alone := person{t: t, home: folder}
	if r := alone.run("", off...); r.code != 2 || !strings.Contains(r.err, "--as NAME") {
		t.Errorf("%+v", r)
	}
	alone.user = "deploy"
	if r := alone.run("", off...); r.code != 0 || !strings.Contains(r.out, "deploy") {
		t.Errorf("%+v", r)
	}
}

func TestChangesThatWait(t *testing.T) {
	ada := signedIn(t)
	ada.must("", "flag", "create", "checkout")
	out := ada.must("", "flag", "schedule", "checkout", "-e", "production", "--at", "2h", "--on", "--reason", "launch").out
	if !strings.Contains(out, "flag drafts") {
		t.Error(out)
	}
	page := decode[api.FlagDraftPage](t, ada.must("", "flag", "drafts", "--json"))
	if len(page.Items) != 1 || page.Items[0].State != "scheduled" {
		t.Fatalf("%+v", page)
	}
	ada.must("", "flag", "drafts", "discard", page.Items[0].ID, "--reason", "not yet")
	if out := ada.must("", "flag", "drafts").out; !strings.Contains(out, "No change waits") {
		t.Error(out)
	}
	for _, bad := range [][]string{
		{"flag", "schedule", "checkout", "-e", "production", "--on"},
		{"flag", "schedule", "checkout", "-e", "production", "--at", "soon", "--on"},
		{"flag", "schedule", "checkout", "-e", "production", "--at", "2h"},
		{"flag", "schedule", "checkout", "-e", "production", "--at", "2h", "--rollout", "much"},
	} {
		if r := ada.run("", bad...); r.code != 2 {
			t.Errorf("%v: %+v", bad, r)
		}
	}
}

// A ramp is a release; what can't be ramped is refused with the server's words.
func TestRamps(t *testing.T) {
	ada := signedIn(t)
	ada.must("", "flag", "create", "checkout")
	ada.must("", "flag", "rollout", "checkout", "0", "-e", "production")
	ada.must("", "flag", "on", "checkout", "-e", "production")
	out := ada.must("", "flag", "ramp", "checkout", "-e", "production", "--steps", "5, 50%,100", "--bake", "1h").out
	if !strings.Contains(out, "slipway release watch rel_") {
		t.Error(out)
	}
	f := decode[api.Flag](t, ada.must("", "flag", "get", "checkout", "-e", "production", "--json"))
	r := decode[api.Release](t, ada.must("", "release", "status", f.Environments[0].Ramp, "--json"))
	if r.ID == "" || r.ID != f.Environments[0].Ramp {
		t.Errorf("%+v", f.Environments[0])
	}
	if r := ada.run("", "flag", "rollout", "checkout", "10", "-e", "production"); r.code != 4 ||
		!strings.Contains(r.err, f.Environments[0].Ramp) {
		t.Errorf("%+v", r)
	}
	if r := ada.run("", "flag", "ramp", "checkout", "-e", "production", "--steps", "some"); r.code != 2 {
		t.Errorf("%+v", r)
	}
}
