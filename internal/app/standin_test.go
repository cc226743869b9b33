package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/observability"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// counted is a Vercel that answers what it counted, and writes down what it was asked.
type counted struct {
	asked []string
	fails error
}

func (c *counted) source() *observability.Source {
	return observability.New(observability.Options{
		Schema: func(context.Context, string) (json.RawMessage, error) {
			return json.RawMessage(`{"dimensions":["deployment_id","http_status"]}`), nil
		},
		Query: func(_ context.Context, q vercel.Query) (json.RawMessage, error) {
			c.asked = append(c.asked, q.From.UTC().Format("15:04:05")+"–"+q.To.UTC().Format("15:04:05"))
			return json.RawMessage(`{"data":[{"deployment_id":"dpl_2","http_status":200,"value":9},` +
					`{"deployment_id":"dpl_2","http_status":500,"value":3},{"deployment_id":"dpl_preview","http_status":500,"value":70}]}`),
				c.fails
		},
		Project: func(context.Context) (string, string, error) { return "prj_1", "team_1", nil },
	})
}

// standIn opens a Slipway with a release that has visitors since three and a half minutes.
func standIn(t *testing.T, now time.Time, fallback metric.Kind) *App {
	t.Helper()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "the shop")
	}))
	t.Cleanup(shop.Close)
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil,
		"app: shop\ntarget: {selfhost: {stable: %q}}\nguards: {default: {source: drain}}\n", shop.URL))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), Options{
		Database: filepath.Join(t.TempDir(), "x.db"), Strategy: plan, Control: anyPort(t), Edge: anyPort(t),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.DB.Close() })
	steps := plan.ReleasePlan()
	for i := range steps.Steps {
		steps.Steps[i].Rules.Fallback = fallback
	}
	r := release.New(release.Release{ID: ident.New("rel", now), App: "shop", Version: "v2", Author: "usr_x",
		Deployment: "dep_2", Previous: "dep_1", URL: shop.URL, Plan: steps}, now)
	r.Share, r.Exposed = 10, now.Add(-210*time.Second)
	err = a.DB.Write(t.Context(), func(tx *store.Tx) error {
		d := deployment.Deployment{ID: "dep_2", External: "dpl_2", App: "shop", Version: "v2", URL: shop.URL, Created: now,
			Verdict: deployment.Good}
		if err := tx.InsertDeployment(t.Context(), &d); err != nil {
			return err
		}
		return tx.InsertRelease(t.Context(), &r)
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Each minute is asked for once, a minute after it is over, and counts once however often it is told.
func TestVercelsCountsAreAskedMinuteByMinute(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Minute).Add(30 * time.Second)
	a, c := standIn(t, now, metric.Observability), &counted{}
	from := c.source()
	minute := func(n int) string {
		begin := now.Truncate(time.Minute).Add(time.Duration(n) * time.Minute).UTC()
		return begin.Format("15:04:05") + "–" + begin.Add(time.Minute).Format("15:04:05")
	}
	var want []string
	for _, step := range []struct {
		after time.Duration
		asked []string
	}{
		{0, []string{minute(-3), minute(-2)}},
		{20 * time.Second, nil},
		{30 * time.Second, []string{minute(-1)}}, // it is over for a minute
		{89 * time.Second, nil},
		{90 * time.Second, []string{minute(0)}},
	} {
		if err := a.countDue(t.Context(), from, now.Add(step.after)); err != nil {
			t.Fatal(err)
		}
		want = append(want, step.asked...)
		if diff := cmp.Diff(want, c.asked); diff != "" {
			t.Fatalf("after %s: %s", step.after, diff)
		}
	}
	if err := a.countMinute(t.Context(), from, now, now.Truncate(time.Minute)); err != nil { // as another node would
		t.Fatal(err)
	}
	tl := a.timeline.Of(metric.Observability)
	sum := tl.Sum("dep_2", now.Add(-time.Hour).Unix(), now.Add(time.Hour).Unix(), metric.Compared()...)
	if sum.Requests != 4*12 || sum.Errors != 4*3 {
		t.Errorf("%d of %d requests failed, want 12 of 48", sum.Errors, sum.Requests)
	}
}

// Nobody is asked for nothing, and what can't be had is said and asked for again.
func TestCountsThatCannotBeHadAreSaid(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a, c := standIn(t, now, ""), &counted{fails: errors.New("closed")}
	if err := a.countDue(t.Context(), c.source(), now); err != nil || len(c.asked) != 0 {
		t.Errorf("asked for %v although no guard needs it: %v", c.asked, err)
	}
	a = standIn(t, now, metric.Observability)
	from := c.source()
	if err := a.countDue(t.Context(), from, now); err == nil || len(c.asked) != 1 {
		t.Errorf("asked for %v: %v", c.asked, err)
	}
	s := a.countsSource()
	if !s.Trouble || !strings.Contains(s.Sentence, "could not stand in") {
		t.Errorf("said: %+v", s)
	}
	if err := a.countDue(t.Context(), from, now.Add(10*time.Second)); err != nil || len(c.asked) != 1 {
		t.Errorf("asked again at once: %v", err)
	}
	c.fails = nil
	if err := a.countDue(t.Context(), from, now.Add(time.Minute)); err != nil || a.countsSource().Trouble {
		t.Errorf("it does not recover: %v, %+v", err, a.countsSource())
	}
}
