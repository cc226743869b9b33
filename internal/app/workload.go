package app

import (
	"context"
	"net/http"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/workload"
)

// workloads returns who finds out which run of a platform shows a token; nil when the strategy lets none in.
func (a *App) workloads(client *http.Client) func(context.Context, string) (access.Actor, error) {
	var rules []workload.Rule
	for _, i := range a.opts.Strategy.Identities() {
		rules = append(rules, workload.Rule(i))
	}
	if len(rules) == 0 {
		return nil
	}
	return workload.New(rules, client, time.Now).Actor
}
