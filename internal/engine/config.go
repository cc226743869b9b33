package engine

import (
	"context"
	"strings"

	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
)

// configOf returns the revision of the variables that a build has: as it was noted when it was made, or by its time;
// empty where that is not known.
func (e *Engine) configOf(ctx context.Context, b provider.Build) (string, error) {
	if b.Config != "" || b.Preview {
		return b.Config, nil
	}
	return e.Configs.At(ctx, b.Created)
}

// configured refuses a build whose variables are not what the environment's list asks for.
func (e *Engine) configured(ctx context.Context, ref string) error {
	if !e.Configs.On() {
		return nil
	}
	r, err := e.DB.ConfigNewest(ctx, e.app(), "production")
	if _, id := configuration.Named(ref); id != "" && err == nil {
		noted, none := e.DB.Config(ctx, id)
		switch {
		case none == nil:
			r = noted
		case !fault.Is(none, fault.NotFound): // what stands in the meta of a build, anybody may have written
			err = none
		}
	}
	if err != nil || r.Number == 0 {
		return err
	}
	var words []string
	problems, err := e.Configs.Problems(ctx, r)
	if err != nil {
		return err
	}
	for _, p := range problems {
		words = append(words, p.Sentence)
	}
	if len(words) == 0 {
		return nil
	}
	return fault.New(fault.Refused, "config_invalid", "It has revision %d of the variables of production: %s Correct "+
		"them (slipway config push), then have it built again.", r.Number, strings.Join(words, " "))
}
