package cli

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/app"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// screen is what a program has said so far.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick, late := time.NewTicker(200*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it never comes: %s", what)
		}
	}
}

// running starts `slipway up` as it is, its log at debug, with ada as its administrator, who is signed in.
func running(t *testing.T, ada *person, file string) (address string, said *screen) {
	t.Helper()
	said = &screen{}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	up := app.UpCommand(said, said, "test")
	up.SilenceUsage = true
	up.SetArgs([]string{"--strategy", file, "--database-url", filepath.Join(ada.home, "slipway.db"), "--listen",
		"127.0.0.1:0", "--no-edge", "--log-level", "debug"})
	go func() { done <- up.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("slipway up ends with %v", err)
		}
	})
	find := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(said.text()); m != nil {
			return m[1]
		}
		return ""
	}
	var link *url.URL
	eventually(t, "slipway up says how to begin", func() bool {
		link, _ = url.Parse(find(`(http://\S+/setup\?\S+)\n`))
		return link != nil && link.Host != ""
	})
	address = find(`dashboard +(http://\S+)\n`)
	anyone, err := client.New(address, client.Options{})
	if err == nil {
		_, err = anyone.Setup(t.Context(), api.Setup{Secret: link.Query().Get("secret"), Name: "ada", Password: password})
	}
	if err != nil {
		t.Fatal(err)
	}
	ada.env["SLIPWAY_URL"] = address
	ada.must(password+"\n", "login", "ada")
	return address, said
}

// TestATargetIsConnectedToARunningSlipway: no token, a wrong one, one that may too little, the right one; connected,
// rotated, given another token, and left. What is told of other hands arrives all the while, and no secret is said
// anywhere. It changes the environment, so nothing runs beside it.
func TestATargetIsConnectedToARunningSlipway(t *testing.T) {
	for _, name := range []string{"VERCEL_TOKEN", "VERCEL_DRAIN_SECRET", "VERCEL_WEBHOOK_SECRET", "GLOBAL_CONFIG"} {
		t.Setenv(name, "")
	}
	ada, w, file := onFake(t)
	clear(ada.env)
	secrets := []string{"vcp-wrong-one", "vcp-few-rights", "vcp-right-one", "vcp-next-one"}
	w.AddToken(fake.Token{Secret: secrets[1], User: "ada", Lacks: []string{"Project: deployment rollback",
		"Drain: create"}})
	w.AddToken(fake.Token{Secret: secrets[2], User: "ada"})
	builds := []string{w.Deployments()[0].ID}
	for _, c := range "bcd" {
		d, err := w.Push("shop", strings.Repeat(string(c), 40), "main", "one more")
		if err != nil {
			t.Fatal(err)
		}
		builds = append(builds, d.ID)
		eventually(t, "it is in production", func() bool {
			w.Settle()
			p, _ := w.Project("shop")
			return p.Production == d.ID
		})
	}
	address, said := running(t, &ada, file)
	var screens strings.Builder
	with := func(token string) person { // ada with a token at hand, as `connect` wants it
		p := ada
		p.env = map[string]string{"SLIPWAY_URL": address, "VERCEL_TOKEN": token}
		return p
	}
	run := func(p person, in string, args ...string) result {
		t.Helper()
		r := p.run(in, args...)
		screens.WriteString(r.out + r.err)
		return r
	}
	status := func(says string) {
		t.Helper()
		eventually(t, "the status says "+says, func() bool {
			return strings.Contains(run(ada, "", "target", "status").out, says)
		})
	}
	connect := []string{"target", "connect", "--strategy", file, "--url", address, "--yes"}

	if !strings.Contains(said.text(), "target     shop of "+fake.TeamSlug+" on Vercel, canaries in the way that its plan "+
		"allows. There is no token: set VERCEL_TOKEN, or next: slipway target token set") {
		t.Errorf("it begins with:\n%s", said.text())
	}
	status("slipway target token set")
	run(ada, secrets[0]+"\n", "target", "token", "set")
	status("Vercel does not know the token")
	if r := run(with(secrets[0]), "", connect...); r.code != fault.RowOf(fault.Unknown).Exit {
		t.Errorf("connected with a wrong token: exit %d\n%s%s", r.code, r.out, r.err)
	}
	run(ada, secrets[1]+"\n", "target", "token", "set")
	if r := run(with(secrets[1]), "", "check", "--target", file); r.code != fault.RowOf(fault.Denied).Exit ||
		!strings.Contains(flat(r.out), "every way back") ||
		!strings.Contains(r.out, "Roll back: Give the right") {
		t.Errorf("checked with too few rights: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if r := run(with(secrets[1]), "", connect...); r.code != fault.RowOf(fault.Denied).Exit {
		t.Errorf("connected with too few rights: exit %d\n%s%s", r.code, r.out, r.err)
	}
	run(ada, secrets[2]+"\n", "target", "token", "set")
	status("has everybody")
	if r := run(with(secrets[2]), "", connect...); r.code != 0 || strings.Contains(r.out, "SECRET=") {
		t.Fatalf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	w.AddToken(fake.Token{Secret: "hand", User: "grace"})
	hand := vercel.New(vercel.Options{API: w.URL(), Team: fake.TeamID,
		Token: func(context.Context) (string, error) { return "hand", nil }})
	n := 3
	adopts := func() { // grace goes back one build by hand: the webhook says so
		t.Helper()
		if err := hand.Rollback(t.Context(), "shop", builds[n-1]); err != nil {
			t.Fatal(err)
		}
		n--
		eventually(t, "it is adopted, with who did it", func() bool {
			return strings.Count(run(ada, "", "log", "show", "--kind", "target.adopted").out, "grace put ") == 3-n
		})
	}
	adopts()
	if r := run(with(secrets[2]), "", append(connect, "--rotate")...); r.code != 0 || strings.Contains(r.out, "SECRET=") {
		t.Errorf("rotated: exit %d\n%s%s", r.code, r.out, r.err)
	}
	adopts()
	w.AddToken(fake.Token{Secret: secrets[3], User: "ada"})
	run(ada, secrets[3]+"\n", "target", "token", "set")
	adopts()
	if r := run(with(secrets[3]), "", "target", "disconnect", "--strategy", file, "--url", address, "--yes"); r.code != 0 {
		t.Errorf("left: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if hooks, err := hand.Hooks(t.Context()); err != nil || len(hooks) != 0 {
		t.Errorf("there are still webhooks: %+v, %v", hooks, err)
	}
	if drains, err := hand.Drains(t.Context()); err != nil || len(drains) != 0 {
		t.Errorf("there are still drains: %+v, %v", drains, err)
	}
	heard(t, ada.home, map[string]string{"the log": said.text(), "a screen": screens.String()}, secrets)
}

// heard looks for secrets in what was said, and in all files but the vault's key.
func heard(t *testing.T, dir string, said map[string]string, secrets []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		said[path] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range said {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s is in %s", s, where)
			}
		}
	}
}
