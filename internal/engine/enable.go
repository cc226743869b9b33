package engine

import (
	"context"
	"strings"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// tryEnable begins the ramps that a release asks for, all of them or none. What has begun is left as it is.
func (e *Engine) tryEnable(ctx context.Context, x effect.Effect) (effect.Result, error) {
	a, err := argsOf[release.RampArgs](x)
	if err != nil {
		return effect.Result{}, err
	}
	var says []string
	err = e.DB.Write(ctx, func(tx *store.Tx) (err error) {
		begin := func(r release.Release, key string) (release.Release, error) {
			return e.startRamp(ctx, tx, access.System("engine"), r.Author, RampOrder{Flag: key, Environment: a.Environment,
				With: r.ID, Reason: "Enabled with " + r.Version + ", after its release to " + a.Environment + "."})
		}
		says, err = e.Flags.Enable(ctx, tx, x.Subject, x.Key, a, begin)
		return err
	})
	return effect.Result{OK: err == nil, Sentence: strings.Join(says, "; ")}, err
}
