package story

import (
	"context"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"testing"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// pair opens two nodes on one PostgreSQL, which release on a Vercel. Each has a token of its own there, so that it can
// be told which of them did what. People reach the first one that answers, and Vercel the last: the first does what
// people ask for, and when it dies, what Vercel tells of its visitors goes on to be heard.
func pair(t *testing.T, edit ...string) (*site, *town) {
	t.Helper()
	v := found(t)
	o := options{target: v.target(), edit: v.edits(edit)}
	s := open(t, store.PostgreSQL, prepared(t, store.PostgreSQL), o, 2)
	v.w = s.world
	front := httptest.NewServer(&httputil.ReverseProxy{
		Director: func(r *http.Request) { r.URL.Scheme, r.URL.Host = "http", "control.test" },
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return anyOf(ctx, network, []*node{s.nodes[1], s.nodes[0]})
		}}, ErrorLog: log.New(io.Discard, "", 0), // Vercel tells again
	})
	s.finally(front.Close)
	v.connect(t, front.URL)
	for i, n := range s.nodes {
		name := "node " + strconv.Itoa(i)
		v.AddToken(fake.Token{Secret: name, Name: name})
		n.Env = maps.Clone(v.env)
		n.Env["VERCEL_TOKEN"] = name
	}
	s.runNodes()
	s.edge = "http://" + v.project.Domains[0]
	s.until("production is known", func() bool { return s.runs("production") != "" })
	s.visitors(options{rate: 60, crowd: 150})
	return s, v
}

// askedBy are the tokens by which something was asked of Vercel, by the end of its path.
func (v *town) askedBy(path string) []string {
	var by []string
	for _, r := range v.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, path) {
			by = append(by, r.Token)
		}
	}
	return by
}

// Two nodes on one database. The one that raises a rolling release dies when Vercel has done it and before it hears of
// it: the other finds it done, does nothing twice, and ends the release.
//
// req: RB-28
func TestANodeDiesInARollingReleaseOnVercel(t *testing.T) {
	t.Parallel()
	if !slices.Contains(storetest.Engines(t), store.PostgreSQL) {
		return // Engines has said so
	}
	s, v := pair(t, long...)
	r := v.push("v2")
	s.gates(r)
	s.exposed(r.ID, 20)
	const raise = "/rolling-release/approve-stage"
	v.Fail(fake.Trouble{Path: "/v*/projects/*" + raise, After: true, Hang: true})
	v.goesOn(r)
	s.until("one of them has raised it", func() bool { return len(v.askedBy(raise)) > 0 })
	dead := slices.IndexFunc(s.nodes, func(n *node) bool { return n.Env["VERCEL_TOKEN"] == v.askedBy(raise)[0] })
	if got := s.release(r.ID); got.Share != 20 {
		t.Fatalf("it is at %g %% already: %s", got.Share, got.Sentence)
	}
	s.nodes[dead].kill()
	s.exposed(r.ID, 50)
	v.goesOn(r)
	s.approves("pia", s.asked(r.ID))
	s.ends(r.ID, "completed")

	lives := s.nodes[1-dead].Env["VERCEL_TOKEN"]
	if by := v.askedBy(raise); len(by) != 1 {
		t.Errorf("it was raised by %q, want once", by)
	}
	if by := v.askedBy("/rolling-release/complete"); !slices.Equal(by, []string{lives}) {
		t.Errorf("it was completed by %q, want once and by %s", by, lives)
	}
	if v.served() != "c-v2" || s.runs("production") != "v2" {
		t.Errorf("Vercel serves %s, Slipway records %s", v.served(), s.runs("production"))
	}
	if list := s.events("target.changed"); len(list) > 0 {
		t.Errorf("what the dead node did is taken for another's: %+v", list)
	}
	s.sound(t, []string{"release.started", "release.completed", "approval.opened", "approval.voted",
		"deployment.adopted"})
	if n := s.failures(); n > 0 {
		t.Errorf("%d requests of visitors failed", n)
	}
	if s.nodes[0].started() != 1 || s.nodes[1].started() != 1 {
		t.Error("a node was started again")
	}
}
