package story

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// server is a PostgreSQL of the story's own, which it may stop.
type server struct {
	t   *testing.T
	dir string
}

// postgres starts a server and returns its address.
func postgres(t *testing.T) (server, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "slipway-story-pg-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the server's own user must reach it
		t.Fatal(err)
	}
	s := server{t, dir}
	t.Cleanup(func() { s.does("remove"); _ = os.RemoveAll(dir) })
	return s, s.does("start")
}

// does runs the script that keeps servers for tests.
func (s server) does(what string) string {
	s.t.Helper()
	out, err := exec.Command("../script/postgres.sh", what, s.dir).Output()
	if err != nil {
		s.t.Errorf("%s PostgreSQL: %v", what, err)
	}
	return strings.TrimSpace(string(out))
}

// Two nodes on one PostgreSQL: one dies in the middle of the canary, then the
// database goes away and comes back. The release ends as it does without, and
// visitors notice nothing.
//
// req: RB-28
func TestTwoNodesAndADatabaseThatFail(t *testing.T) {
	t.Parallel()
	if !slices.Contains(storetest.Engines(t), store.PostgreSQL) {
		return // Engines has said so
	}
	for _, c := range []crash{goodCrash(), badCrash()} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pg, address := postgres(t)
			tokens := moved(t, address)
			o := options{edit: append([]string{"bake: 300ms", "bake: 3s"}, c.edit...), rate: 60, crowd: 150}
			if len(c.edit) > 0 {
				o.edit = c.edit
			}
			s := open(t, store.PostgreSQL, address, o, 2)
			s.tokens = tokens
			s.opens(o)
			s.until("visitors on v2", func() bool { _, _ = s.drives("v2"); return s.at.Table().Share == 50 })
			s.nodes[0].kill()
			s.pass(60)
			pg.does("stop")
			s.pass(60)
			if n := s.failures(); n > 0 {
				t.Errorf("%d requests failed while the database was away", n)
			}
			if c.name == badCrash().name {
				s.shops["v2"].Break(sim.Fault{Errors: 0.6})
			}
			pg.does("start")
			s.until("the end of the story", func() bool { return c.end(s) })
			c.look(s, t)
			s.sound(t, c.want)
			if n := s.nodes[1].started(); n != 1 {
				t.Errorf("the node that lives was started %d times", n)
			}
		})
	}
}
