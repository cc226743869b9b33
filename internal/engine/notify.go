package engine

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// told are the kinds of event that people are told of when a webhook names none.
func told() []string {
	return []string{
		"release.started", "release.completed", "release.aborted", "release.rolled_back", "release.failed", "release.suspect",
		"release.blind", "release.seen", "release.troubled", "release.calm", "release.stuck", "release.displaced",
		"release.rejoined", "target.changed", "target.named", "target.adopted", "target.silent", "target.answers",
		"disk.full", "disk.roomy", "github.silent", "github.answers", "github.given_up", "github.unanswered",
		"approval.opened", "approval.voted", "rollback.*", "incident.*",
		"flag.switched", "flag.ramped",
	}
}

// notice is what a webhook gets, and the arguments of a Notify effect.
type notice struct {
	Webhook string      `json:"webhook"` // its address names it
	Event   event.Event `json:"event"`
}

// append adds an event to the log, and in the same commit writes down whom to tell.
func (e *Engine) append(ctx context.Context, tx *store.Tx, d event.Draft) (event.Event, error) {
	ev, err := tx.Append(ctx, d)
	if err != nil {
		return ev, err
	}
	for i, w := range e.Strategy.Notify() {
		if !wants(w, ev.Kind) {
			continue
		}
		x := effect.Effect{
			Key: fmt.Sprintf("notify/%d/%d", ev.Seq, i), Subject: ev.Subject, Lane: "notify", Kind: effect.Notify,
			Args: marshal(notice{w.URL, ev}), State: effect.Pending, Tries: 8, Retry: time.Second, Created: ev.At,
		}
		if _, err := tx.InsertEffect(ctx, &x); err != nil {
			return ev, err
		}
		if err := tx.Schedule(ctx, x.Key, workNotify, ev.At); err != nil {
			return ev, err
		}
	}
	return ev, nil
}

// wants reports whether a webhook is told of a kind of event.
func wants(w strategy.Webhook, kind string) bool {
	kinds := w.Events
	if len(kinds) == 0 {
		kinds = told()
	}
	return slices.ContainsFunc(kinds, func(k string) bool {
		prefix, ok := strings.CutSuffix(k, "*")
		return k == kind || ok && strings.HasPrefix(kind, prefix)
	})
}

// tryNotify delivers an event to a webhook. The event's number is its id: whoever
// gets it twice can tell.
func (e *Engine) tryNotify(ctx context.Context, x effect.Effect) (effect.Result, error) {
	n, err := argsOf[notice](x)
	if err != nil {
		return effect.Result{}, err
	}
	hooks := e.Strategy.Notify()
	i := slices.IndexFunc(hooks, func(w strategy.Webhook) bool { return w.URL == n.Webhook })
	if i < 0 {
		return effect.Result{OK: true, Sentence: "the strategy no longer names this webhook"}, nil
	}
	body := marshal(n.Event)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hooks[i].URL, bytes.NewReader(body))
	if err != nil {
		return effect.Result{}, fault.Wrap(
			err,
			fault.Invalid,
			"webhook_invalid",
			"The webhook's address cannot be called.",
		)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Slipway-Event", n.Event.Kind)
	req.Header.Set("X-Slipway-Delivery", x.Key)
	if hooks[i].Secret != "" {
		key, ok := e.Env(strings.TrimPrefix(hooks[i].Secret, "env:"))
		if !ok || key == "" {
			return effect.Result{}, fault.New(fault.Unavailable, "webhook_secret_missing",
				"%s is not set; nothing is sent unsigned.", hooks[i].Secret)
		}
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(body)
		req.Header.Set("X-Slipway-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	direct := *e.Client // who sends the event elsewhere has not taken it
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := direct.Do(req)
	if err != nil {
		return effect.Result{}, fault.Wrap(err, fault.Unavailable, "webhook_away", "The webhook does not answer.")
	}
	defer res.Body.Close() //nolint:errcheck // nothing is read from it afterwards
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if res.StatusCode >= 300 {
		return effect.Result{}, fault.New(fault.Unavailable, "webhook_refused", "The webhook answers %s.", res.Status)
	}
	return effect.Result{OK: true, Sentence: "delivered"}, nil
}
