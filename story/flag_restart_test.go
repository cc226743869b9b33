package story

import (
	"path/filepath"
	"testing"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/openfeature"
)

// The control process is dead when a program begins anew: it goes on from the file that it kept, and learns of a change
// once Slipway is back.
func TestAProgramBeginsWhileSlipwayIsDead(t *testing.T) {
	t.Parallel()
	o := options{rate: 20, crowd: 20}
	s := open(t, store.SQLite, prepared(t, store.SQLite), o, 1)
	s.nodes[0].revive = true
	s.opens(o)
	_, err := s.by("pia").CreateFlag(s.ctx, api.CreateFlag{Key: "checkout", Kind: "boolean"})
	s.ok(err)
	_, err = s.by("pia").TurnFlagOn(s.ctx, "checkout", "production", api.SwitchFlag{Reason: "for the story"})
	s.ok(err)
	key, err := s.by("dora").CreateFlagKey(s.ctx, api.CreateFlagKey{
		Environment: "production", Kind: "server", Name: "shop",
	})
	s.ok(err)
	file := filepath.Join(t.TempDir(), "flags.json")
	program := func() *openfeature.Provider {
		p, err := openfeature.New(s.url, key.Secret, openfeature.WithFile(file), openfeature.WithHTTPClient(s.http),
			openfeature.WithRetry(20*time.Millisecond, 200*time.Millisecond), openfeature.WithPatience(time.Second))
		s.ok(err)
		s.ok(p.InitWithContext(s.ctx, of.EvaluationContext{}))
		return p
	}
	checkout := func(p *openfeature.Provider) string {
		return p.BooleanEvaluation(s.ctx, "checkout", false, map[string]any{of.TargetingKey: "u-1"}).Variant
	}
	first := program()
	if got := checkout(first); got != "on" {
		t.Fatalf("at first it gets %q", got)
	}
	first.Shutdown()
	s.nodes[0].hold()
	again := program()
	s.finally(again.Shutdown)
	if got := checkout(again); got != "on" {
		t.Errorf("without Slipway it gets %q", got)
	}
	s.nodes[0].goOn()
	s.until("Slipway is back", func() bool {
		_, err := s.by("pia").TurnFlagOff(s.ctx, "checkout", "production", api.SwitchFlag{Reason: "over"})
		return err == nil
	})
	s.until("the program knows", func() bool { return checkout(again) == "" || checkout(again) == "off" })
}
