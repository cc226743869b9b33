package github_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/github"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/github"
)

const commit = "9fceb02d0ae598e95dc970b74767f19372d61af8"

// world is a fake GitHub and a client of it.
func world(t *testing.T, change ...func(*github.Options)) (*fake.GitHub, *github.Client) {
	t.Helper()
	g, err := fake.New("acme/shop", commit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	o := github.Options{API: g.URL, App: g.App, Repository: "acme/shop", Backoff: time.Millisecond,
		Key: func(context.Context) (string, error) { return g.Key(), nil }}
	for _, f := range change {
		f(&o)
	}
	return g, github.New(o)
}

// count says how many calls of a method went to an address that holds a text.
func count(g *fake.GitHub, method, text string) int {
	n := 0
	for _, c := range g.Calls() {
		if c.Method == method && strings.Contains(c.Path, text) {
			n++
		}
	}
	return n
}

func TestTokenIsBoughtOnceAndAgainWhenItIsLost(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g, c := world(t, func(o *github.Options) { o.Now = func() time.Time { return now } })
	for range 3 {
		if _, err := c.Commit(t.Context(), commit[:9]); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(g, "POST", "access_tokens"); n != 1 {
		t.Errorf("%d tokens were bought, want 1", n)
	}
	g.Revoke()
	if sha, err := c.Commit(t.Context(), commit[:9]); err != nil || sha != commit {
		t.Errorf("after the token was revoked: %q, %v", sha, err)
	}
	if n := count(g, "POST", "access_tokens"); n != 2 {
		t.Errorf("%d tokens were bought, want 2", n)
	}
}

func TestTokenIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	var ahead time.Duration
	g, c := world(t, func(o *github.Options) { o.Now = func() time.Time { return time.Now().Add(ahead) } })
	for _, ahead = range []time.Duration{0, 50 * time.Minute, 56 * time.Minute} {
		_, err := c.Commit(t.Context(), commit)
		if ahead < time.Hour-5*time.Minute && err != nil {
			t.Fatalf("%s ahead: %v", ahead, err)
		}
	}
	// The last proof is of a time that the fake has not reached, so it was refused: but it was asked for.
	if n := count(g, "GET", "/installation"); n != 2 {
		t.Errorf("a token was asked for %d times, want 2", n)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		do     func(*fake.GitHub)
		option func(*github.Options)
		kind   fault.Kind
		reason string
		says   string
	}{
		{name: "permission", do: func(g *fake.GitHub) { g.Permit("checks", "read") }, kind: fault.Denied,
			reason: "github_right", says: "Checks: write"},
		{name: "away", do: func(g *fake.GitHub) { g.Away(502) }, kind: fault.Unavailable, reason: "github_down"},
		{name: "nobody there", do: func(g *fake.GitHub) { g.Close() }, kind: fault.Unavailable, reason: "github_unreachable"},
		{name: "another app", option: func(o *github.Options) { o.App++ }, kind: fault.Refused, reason: "github_app",
			says: "app_id"},
		{name: "another repository", option: func(o *github.Options) { o.Repository = "acme/other" }, kind: fault.NotFound,
			reason: "github_unknown", says: "installed"},
		{name: "no key", option: func(o *github.Options) {
			o.Key = func(context.Context) (string, error) { return "-----BEGIN hunter2", nil }
		}, kind: fault.Invalid, reason: "github_key_malformed", says: ".pem"},
		{name: "limit", do: func(g *fake.GitHub) { g.Limit(50, fake.RetryAfter) }, kind: fault.Limited,
			reason: "github_limited"},
		{name: "limit until its reset", do: func(g *fake.GitHub) { g.Limit(50, fake.Reset) }, kind: fault.Limited,
			reason: "github_limited"},
		{name: "limit in words only", do: func(g *fake.GitHub) { g.Limit(50, fake.Silent) }, kind: fault.Limited,
			reason: "github_limited"},
		{name: "suspended", do: func(g *fake.GitHub) { g.Suspend() }, kind: fault.Denied, reason: "github_right",
			says: "suspended"},
		{name: "renamed", do: func(g *fake.GitHub) { g.Rename("acme/store") }, kind: fault.Invalid, reason: "github_moved",
			says: "github.repository"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g, c := world(t, func(o *github.Options) {
				if test.option != nil {
					test.option(o)
				}
			})
			if test.do != nil {
				test.do(g)
			}
			_, err := c.CreateRun(t.Context(), github.Run{Name: "Slipway", Commit: commit, External: "rel_1"})
			if fault.KindOf(err) != test.kind || fault.ReasonOf(err) != test.reason {
				t.Fatalf("refused with %s %s (%v), want %s %s", fault.KindOf(err), fault.ReasonOf(err), err, test.kind, test.reason)
			}
			if !strings.Contains(fault.MessageOf(err), test.says) {
				t.Errorf("%q does not say %q", fault.MessageOf(err), test.says)
			}
			if text := fmt.Sprintf("%+v", err); strings.Contains(text, "ghs_") || strings.Contains(text, "hunter2") ||
				strings.Contains(text, "eyJ") {
				t.Errorf("a secret is told: %s", text)
			}
			if n := count(g, "POST", "/check-runs"); n > 1 {
				t.Errorf("what makes something was asked %d times", n)
			}
		})
	}
}

// What is wrong with an app is looked for by who sets it up. Each is said in a sentence, with what to do about it. The
// words by which they are told apart are GitHub's own.
func TestAWrongAppIsLookedAt(t *testing.T) {
	t.Parallel()
	other, err := fake.New("acme/shop", commit)
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	now := time.Now().Truncate(time.Second)
	clock := func(ahead time.Duration) func(*github.Options) {
		return func(o *github.Options) { o.Now = func() time.Time { return now.Add(ahead) } }
	}
	for _, test := range []struct {
		name          string
		do            func(*fake.GitHub)
		option        func(*github.Options)
		reason        fault.Kind
		found, remedy string
	}{
		{name: "its id", option: func(o *github.Options) { o.App = 12 }, reason: fault.Refused,
			found: "GitHub knows no app with the id 12 (Integration not found).", remedy: "Set github.app_id"},
		{name: "its key", option: func(o *github.Options) {
			o.Key = func(context.Context) (string, error) { return other.Key(), nil }
		}, reason: fault.Refused,
			found:  "The private key is none of the GitHub App 4711 (A JSON web token could not be decoded).",
			remedy: "slipway github key set"},
		{name: "no key at GitHub", do: func(g *fake.GitHub) { g.Unkey() }, reason: fault.Refused,
			found:  "The GitHub App 4711 has no key at GitHub (Integration must generate a public key).",
			remedy: "slipway github key set"},
		{name: "not installed", option: func(o *github.Options) { o.Repository = "acme/other" }, reason: fault.NotFound,
			found:  "The GitHub App 4711 is not installed on acme/other, or there is no such repository (Not Found).",
			remedy: "Install it there"},
		{name: "suspended", do: func(g *fake.GitHub) { g.Suspend() }, reason: fault.Denied,
			found: "(This installation has been suspended).", remedy: "Look at the installation"},
		{name: "a clock that is ahead", option: clock(12 * time.Minute), reason: fault.Refused,
			found: "clock is 12m0s ahead of GitHub's", remedy: "NTP"},
		{name: "a clock that is ahead a little", option: clock(90 * time.Second), reason: fault.Refused,
			found: "clock is 1m30s ahead of GitHub's", remedy: "NTP"},
		{name: "a clock that is behind", option: clock(-time.Hour), reason: fault.Refused,
			found: "clock is 1h0m0s behind GitHub's", remedy: "NTP"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g, c := world(t, clock(0), func(o *github.Options) {
				if test.option != nil {
					test.option(o)
				}
			})
			g.Clock(func() time.Time { return now })
			if test.do != nil {
				test.do(g)
			}
			r := c.Look(t.Context(), github.Use{Check: true})
			if len(r.Findings) != 1 || r.Missing != 1 || fault.KindOf(r.Err()) != test.reason {
				t.Fatalf("%d of %+v are missing: %v", r.Missing, r.Findings, r.Err())
			}
			f := r.Findings[0]
			if f.State != github.Missing || !strings.Contains(f.Found, test.found) || !strings.Contains(f.Remedy, test.remedy) ||
				strings.Contains(f.Found, f.Remedy) {
				t.Errorf("%s: %q, and to do is %q", f.State, f.Found, f.Remedy)
			}
		})
	}
}

// What the app asks for and nobody has accepted is told from what it never asked for.
func TestAPermissionThatIsNotAccepted(t *testing.T) {
	t.Parallel()
	g, c := world(t)
	g.Hook("https://slipway.example.com" + github.HookPath)
	g.Permit("checks", "read")
	g.Permit("deployments", "")
	g.Ask("deployments", "write")
	r := c.Look(t.Context(), github.Use{Check: true, Deployments: true, Signed: true})
	var got []string
	for _, f := range r.Findings {
		if f.State == github.Missing {
			got = append(got, f.What+" | "+f.Found+" | "+f.Remedy)
		}
	}
	if want := []string{
		"Checks: write | read | Grant it in the app's settings (Permissions), and accept it where the app is installed.",
		"Deployments: write | not granted: the app asks for it | Accept it where the app is installed: an owner does, in " +
			"the settings of the account, under GitHub Apps.",
	}; !slices.Equal(got, want) {
		t.Errorf("missing: %q", got)
	}
}

func TestReadsAreRepeatedAndLimitsAreObeyed(t *testing.T) {
	t.Parallel()
	g, c := world(t)
	if _, err := c.Commit(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	g.Limit(1, fake.RetryAfter) // for a second, which is waited out
	if _, err := c.Commit(t.Context(), commit); err != nil {
		t.Errorf("after one refusal for the limit: %v", err)
	}
	g.Away(http.StatusBadGateway)
	before := len(g.Calls())
	for range 4 {
		_, _ = c.Commit(t.Context(), commit)
	}
	if n := len(g.Calls()) - before; n != 5 {
		t.Errorf("a GitHub that is away was asked %d times, want 5 and then rest", n)
	}
}

func TestSigned(t *testing.T) {
	t.Parallel()
	// The example of GitHub's own documentation.
	const body, secret = "Hello, World!", "It's a Secret to Everybody"
	const right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	if got := github.Signature([]byte(body), secret); got != right || len(got) != github.SignatureLength {
		t.Fatalf("signed %s", got)
	}
	for _, test := range []struct {
		signature string
		secrets   []string
		want      bool
	}{
		{right, []string{secret}, true},
		{right, []string{"new", secret}, true},
		{right, []string{"new"}, false},
		{right, nil, false},
		{github.Signature([]byte(body), ""), []string{""}, false},
		{strings.TrimPrefix(right, "sha256="), []string{secret}, false},
	} {
		if got := github.Signed([]byte(body), test.signature, test.secrets...); got != test.want {
			t.Errorf("%s by %q: %t", test.signature, test.secrets, got)
		}
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add(`{"action":"requested","environment":"production","deployment_callback_url":"https://x/actions/runs/7/`+
		`deployment_protection_rule","deployment":{"sha":"`+commit+`"},"repository":{"full_name":"acme/shop"}}`, true)
	f.Add(`{"action":"rerequested","check_run":{"head_sha":"x","external_id":"rel_1"}}`, false)
	f.Add(`{"action":7}`, true)
	f.Fuzz(func(t *testing.T, body string, rule bool) {
		kind := "check_run"
		if rule {
			kind = "deployment_protection_rule"
		}
		e, err := github.DecodeEvent(kind, []byte(body))
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if e.Type == github.Waiting && (e.Run <= 0 || e.Environment == "" || len(e.Commit) < 40) {
			t.Errorf("%+v says not what to answer", e)
		}
	})
}
