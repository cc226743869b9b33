package follow

import (
	"context"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// MostCounts is how many sums one report has.
const MostCounts = 1000

// Reporter sends sums of what was served. Due returns those of since the last time, at most MostCounts.
type Reporter struct {
	*Follower
	Due   func() []api.FlagCount
	Every time.Duration

	waits []api.FlagCount // made, and not taken by the server yet
}

// Run sends sums until ctx ends, each program at another moment of the interval.
func (r *Reporter) Run(ctx context.Context) {
	for wait(ctx, r.Every*3/4+mathrand.N(r.Every/2+1)) {
		if err := r.send(ctx); err != nil {
			r.o.Log.Debug("report what was served", "error", err)
		}
	}
}

// Finish sends what did not arrive before, and what came since. Run must have ended.
func (r *Reporter) Finish(ctx context.Context) error {
	for range 2 {
		if err := r.send(ctx); err != nil {
			return err
		}
	}
	return nil
}

// send sends what was served and not reported yet. What does not arrive is sent again; what is served meanwhile goes on
// being summed up.
func (r *Reporter) send(ctx context.Context) error {
	if len(r.waits) == 0 {
		r.waits = r.Due()
	}
	if len(r.waits) == 0 {
		return nil
	}
	body, err := json.Marshal(api.ReportFlagUsage{Items: r.waits})
	if err != nil {
		return fmt.Errorf("encode what was served: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	resp, err := r.ask(ctx, http.MethodPost, usagePath, body, "Content-Type", "application/json")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		err = r.refusal(resp)
	}
	if refused := resp.StatusCode >= 400 && resp.StatusCode < 500; err == nil ||
		refused && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusUnauthorized {
		r.waits = nil // it arrived, or no server will ever take it
	}
	return err
}
