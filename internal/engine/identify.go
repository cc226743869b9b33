package engine

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/smoke"
	"github.com/slipwayhq/slipway/internal/store"
)

// identify asks a deployment for the application's own deployment id and records it,
// so that edges know from the start, and after every restart, which build a pinned
// request belongs to. Next.js writes it as data-dpl-id into its pages, and as a
// header into other answers. It is best effort: an application without one is
// routed by the bucket alone.
func (e *Engine) identify(ctx context.Context, d deployment.Deployment) deployment.Deployment {
	if len(d.BuildIDs) > 0 {
		return d
	}
	seen := smoke.Identity(ctx, e.Client, d.URL, "/", 2*time.Second)
	id := seen.Header.Get("X-Nextjs-Deployment-Id")
	if m := buildID().FindSubmatch(seen.Body); id == "" && m != nil {
		id = string(m[1])
	}
	if !seen.OK || id == "" {
		return d
	}
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		now, err := tx.Deployment(ctx, d.ID)
		if err != nil || slices.Contains(now.BuildIDs, id) {
			return err
		}
		now.BuildIDs = append(now.BuildIDs, id)
		if err := tx.UpdateDeployment(ctx, &now); err != nil {
			return err
		}
		d = now
		_, err = e.append(ctx, tx, e.system("deployment.identified", d.Environment, d.ID,
			fmt.Sprintf("%s is the build %s.", d.Version, strings.ToValidUTF8(id, "")), nil))
		return err
	})
	if err != nil {
		e.Log.Debug("record a build id", "deployment", d.ID, "error", err)
	}
	return d
}

// buildID matches the attribute that Next.js writes into the html element.
func buildID() *regexp.Regexp {
	return regexp.MustCompile(`<html[^>]*\sdata-dpl-id="([A-Za-z0-9._-]{1,128})"`)
}
