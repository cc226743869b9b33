package app

import (
	"context"
	"encoding/json"

	"github.com/slipwayhq/slipway/internal/engine/mirror"
)

// mirroring is what flags are written to Vercel Flags by; nothing is where the application is not on Vercel.
func (a *App) mirroring() mirror.Options {
	v, onVercel := a.opts.Strategy.Vercel()
	if !onVercel {
		return mirror.Options{}
	}
	return mirror.Options{
		Read: func(ctx context.Context) (k mirror.Kept, err error) {
			if k.Environments, err = a.vercel.FlagEnvironments(ctx, v.Project); err != nil {
				return k, err
			}
			if k.Flags, err = a.vercel.Flags(ctx, v.Project); err != nil {
				return k, err
			}
			k.Archived, err = a.vercel.ArchivedFlags(ctx, v.Project)
			return k, err
		},
		Create: func(ctx context.Context, body json.RawMessage) (int64, error) {
			return a.vercel.CreateFlag(ctx, v.Project, body)
		},
		Edit: func(ctx context.Context, slug string, revision int64, body json.RawMessage) (int64, error) {
			return a.vercel.EditFlag(ctx, v.Project, slug, revision, body)
		},
	}
}
