//go:build full

package vercel

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"testing"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/provider/vercel/setup"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// What Slipway sends to have drains, a webhook and a check is what Vercel's own SDK would let through: every event has
// a name that Vercel knows, every field is one.
func TestWhatConnectsSlipwayFitsTheSDK(t *testing.T) {
	t.Parallel()
	s := open(t, fake.Options{})
	client := vercel.New(vercel.Options{API: s.URL(), Team: fake.TeamSlug,
		Token: func(context.Context) (string, error) { return "token", nil }})
	p, err := setup.Connect(t.Context(), setup.Options{Client: client, Project: "shop", Slipway: "http://127.0.0.1:4400",
		Names: setup.Names{Drain: "D", Webhook: "W"}, Drains: true, Traces: true, Vitals: true,
		Sampling: []vercel.Sampling{{Type: "head_sampling", Rate: 0.1, Env: "production", Path: "/api"}}}, false)
	s.ok(err)
	s.ok(p.Make(t.Context(), func(setup.Step) {}))
	type sent struct {
		Path string          `json:"path"`
		Body json.RawMessage `json:"body"`
	}
	var bodies []sent
	for _, q := range s.Requests() {
		if q.Method == http.MethodPost && q.Agent == "slipway" {
			bodies = append(bodies, sent{q.Path, json.RawMessage(q.Body)})
		}
	}
	text, err := json.Marshal(bodies)
	s.ok(err)
	cmd := exec.CommandContext(t.Context(), "node", "bodies.mjs")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), os.Stderr
	out, err := cmd.Output()
	s.ok(err)
	var report struct {
		Judged int      `json:"judged"`
		Wrong  []string `json:"wrong"`
	}
	s.ok(json.Unmarshal(out, &report))
	if report.Judged != 5 || len(report.Wrong) > 0 {
		t.Errorf("%d bodies: %q", report.Judged, report.Wrong)
	}
}
