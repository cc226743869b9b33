package access

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func environments() []string { return []string{"development", "staging", "canary", "production"} }

// team is a small made-up strategy; the real default roles are the strategy room's.
func team() []Role {
	return []Role{
		{Name: "development", Grants: []Grant{
			{ViewEnvironment, "development"}, {ViewEnvironment, "staging"}, {StartRelease, Everywhere}, {ReadLog, Everywhere},
		}},
		{Name: "qa", Grants: []Grant{{ViewEnvironment, "staging"}, {SignCheck, "staging"}, {SignCheck, "canary"}}},
		{Name: "product", Grants: []Grant{{ViewEnvironment, Everywhere}, {ApproveRelease, "production"}}},
		{Name: Admin}, // the bundle is empty on purpose: the reserved role does not need one
	}
}

// req: RO-16
func TestRolesAreBundlesAndChecksAreByPermission(t *testing.T) {
	t.Parallel()
	got := matrix(team(), environments())
	path := filepath.Join("testdata", "matrix.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("who may do what has changed (-golden +now):\n%s", diff)
	}
}

// req: RO-16
func TestCheckAnswersByGrantsAlone(t *testing.T) {
	t.Parallel()
	for _, r := range team() {
		grants := Resolve(team(), []string{r.Name})
		for _, p := range All() {
			for _, env := range append(environments(), "", "preview") {
				want := r.Name == Admin || slices.ContainsFunc(r.Grants, func(g Grant) bool {
					return g.Permission == p && (g.Environment == env || g.Environment == Everywhere)
				})
				// The role's name on the actor must not matter, only its grants.
				a := Actor{Name: "Ada", Roles: []string{Admin}, Grants: grants}
				err := a.Check(p, env)
				if (err == nil) != want || err != nil && !fault.Is(err, fault.Denied) {
					t.Errorf("%s, %s in %q: %v, want allowed %t", r.Name, p, env, err, want)
				}
				if a.May(p, env) && !a.MayAnywhere(p) {
					t.Errorf("%s may %s in %q but nowhere", r.Name, p, env)
				}
			}
		}
	}
}

func TestDeniedSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	err := Actor{Name: "Ada"}.Check(ApproveRelease, "production")
	const want = "Ada may not approve a release in production: that needs release:approve."
	if fault.MessageOf(err) != want || fault.ReasonOf(err) != "permission_missing" {
		t.Errorf("%v, want %s", err, want)
	}
	const edge = "Ada may not operate an edge: that needs edge:operate."
	if got := fault.MessageOf(Actor{Name: "Ada"}.Check(OperateEdge, "")); got != edge {
		t.Error(got)
	}
	if (Actor{}).Check("", "") == nil {
		t.Error("nobody may do nothing")
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		roles []string
		want  []Grant
	}{
		{"nobody", nil, nil},
		{"a role that is gone", []string{"wizard"}, nil},
		{"union without what is covered", []string{"qa", "product", "qa"}, []Grant{
			{SignCheck, "canary"}, {SignCheck, "staging"}, {ViewEnvironment, Everywhere}, {ApproveRelease, "production"},
		}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tidy(tt.want), Resolve(team(), tt.roles), cmp.Comparer(slices.Equal[[]Grant])); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	if got := Resolve(nil, []string{"qa", Admin}); len(got) != len(All()) {
		t.Errorf("admin holds %d of %d permissions", len(got), len(All()))
	}
	if a, b := System("guard"), (Actor{Grants: Everything()}); !slices.Equal(a.Grants, b.Grants) {
		t.Error("the system does not hold everything")
	}
}

func TestParseScopes(t *testing.T) {
	t.Parallel()
	got, err := ParseScopes([]string{
		"release:start@staging, check:report", "check:report@*", "", "environment:view@eu-west_1.a",
	})
	want := []string{"check:report@*", "environment:view@eu-west_1.a", "release:start@staging"}
	if diff := cmp.Diff(want, FormatScopes(got)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for _, bad := range []string{
		"release:fly", "release", "@", "@staging", "*", "*@staging", "release:*", "release:start@",
		"release:start@Staging", "release:start@a@b", "release:start@-a", "release:start@" + strings.Repeat("a", 65),
		"release:start@st\x00", "release:start@é", strings.Repeat("x", 100000),
	} {
		_, err := ParseScopes([]string{"check:report", bad})
		f, ok := err.(*fault.Error)
		if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Path != "scopes[1]" || len(f.Message) > 1000 {
			t.Errorf("%.80q gives %.200v", bad, err)
		}
	}
	if _, err := ParseScopes([]string{strings.Repeat("check:report ", maxScopes+1)}); !fault.Is(err, fault.Invalid) {
		t.Errorf("too many scopes give %v", err)
	}
}

func FuzzParseScopes(f *testing.F) {
	f.Add("release:start@staging,check:report")
	f.Add("@@,,*")
	f.Fuzz(func(t *testing.T, text string) {
		scopes, err := ParseScopes([]string{text})
		if err != nil {
			return
		}
		again, err := ParseScopes(FormatScopes(scopes))
		if err != nil || !slices.Equal(scopes, again) {
			t.Fatalf("%q: %v reads back as %v (%v)", text, scopes, again, err)
		}
	})
}

// A token may exactly what its owner may and its scopes name: never more, and not
// less either.
func TestNarrowIsNeverWiderThanOwnerOrScopes(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	places := append(environments(), Everywhere, "preview")
	for seed := range 3000 {
		var owner, asked []Grant
		var scopes []Scope
		for range rng.IntN(8) {
			owner = append(owner, Grant{All()[rng.IntN(5)], places[rng.IntN(len(places))]})
		}
		for range rng.IntN(8) {
			g := Grant{All()[rng.IntN(5)], places[rng.IntN(len(places))]}
			asked, scopes = append(asked, g), append(scopes, Scope(g))
		}
		token := Actor{Grants: Narrow(owner, scopes)}
		for _, p := range All() {
			for _, env := range append(environments(), "preview", "", "other") {
				want := Actor{Grants: owner}.May(p, env) && Actor{Grants: asked}.May(p, env)
				if got := token.May(p, env); got != want {
					t.Fatalf("round %d: %s in %q is %t, want %t\nowner  %v\nscopes %v", seed, p, env, got, want, owner, scopes)
				}
			}
		}
		idle := Idle(owner, scopes)
		for _, s := range scopes {
			if slices.Contains(idle, s) != (len(Narrow(owner, []Scope{s})) == 0) {
				t.Fatalf("round %d: idle is %v of %v", seed, idle, scopes)
			}
		}
	}
}

func ExampleNarrow() {
	owner := []Grant{{StartRelease, Everywhere}, {ApproveRelease, "production"}}
	scopes, _ := ParseScopes([]string{"release:start@staging release:approve@staging"})
	fmt.Println(Narrow(owner, scopes), FormatScopes(Idle(owner, scopes)))
	// Output: [{release:start staging}] [release:approve@staging]
}

// matrix writes who may do what as a text table for a golden file: a line
// for each permission and environment, a column for each role. The line whose
// environment is "-" is for what belongs to none.
func matrix(roles []Role, environments []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-18s %-12s", "permission", "environment")
	for _, r := range roles {
		fmt.Fprintf(&b, " %s", r.Name)
	}
	b.WriteByte('\n')
	for _, p := range All() {
		for _, env := range append([]string{""}, environments...) {
			named := env
			if env == "" {
				named = "-"
			}
			fmt.Fprintf(&b, "%-18s %-12s", p, named)
			for _, r := range roles {
				mark := "."
				if (Actor{Grants: Resolve(roles, []string{r.Name})}).May(p, env) {
					mark = "x"
				}
				fmt.Fprintf(&b, " %*s", len(r.Name), mark)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
