package story

import (
	"io"
	"net/http"
	"testing"

	"github.com/slipwayhq/slipway/api"
)

// guest is one visitor who keeps their cookie.
type guest struct{ cookie string }

// sees asks for a page and returns the version that answered.
func (g *guest) sees(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if g.cookie != "" {
		req.Header.Set("Cookie", g.cookie)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	_, _ = io.Copy(io.Discard, res.Body)
	for _, c := range res.Cookies() {
		g.cookie = c.Name + "=" + c.Value
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("a visitor got %s", res.Status)
	}
	return res.Header.Get("X-App-Version")
}

// Who is on the new version stays on it while the share rises, and everybody is back
// when it is taken back.
//
// req: CD-01 CD-18 CD-17 EN-10
func TestVisitorsStayWhereTheyAre(t *testing.T) {
	each(t, options{edit: []string{"bake: 300ms", "bake: 1h", "[50]", "[10, 40, 100]"}}, func(t *testing.T, w *world) {
		guests := make([]guest, 400)
		on := func() map[int]bool {
			new := map[int]bool{}
			for i := range guests {
				if guests[i].sees(t, w.edge) == "v2" {
					new[i] = true
				}
			}
			return new
		}
		if before := on(); len(before) != 0 {
			t.Fatalf("%d visitors see v2 before it is out", len(before))
		}
		r := w.start("v2")
		w.gates(r)
		was := map[int]bool{}
		for _, step := range []struct {
			share    float64
			low, top int // five standard deviations of 400 visitors
		}{{10, 10, 70}, {40, 111, 209}, {100, 400, 400}} {
			w.exposed(r.ID, step.share)
			now := on()
			if len(now) < step.low || len(now) > step.top {
				t.Errorf("at %g %% %d of 400 visitors are on v2", step.share, len(now))
			}
			for i := range was {
				if !now[i] {
					t.Errorf("visitor %d was on v2 and is not at %g %%", i, step.share)
				}
			}
			was = now
			if step.share < 100 {
				w.goOn(r.ID)
			}
		}
		w.act("inez", r.ID, "abort", api.ReleaseAction{Reason: "enough seen"})
		w.ends(r.ID, "aborted")
		if still := on(); len(still) != 0 {
			t.Errorf("%d visitors are still on v2", len(still))
		}
		canary, err := w.admin().Canary(w.ctx, r.ID)
		w.ok(err)
		if len(canary.Measured) == 0 {
			t.Error("the measured share is not recorded")
		}
	})
}
