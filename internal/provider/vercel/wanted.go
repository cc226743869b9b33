package vercel

import (
	"context"
	"encoding/json"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
)

// side is a deployment in what is wanted.
type side struct {
	ID  string `json:"id"` // Vercel's
	URL string `json:"url"`
}

// wanted is a routing as it is stored.
type wanted struct {
	V          int       `json:"v"`
	Generation uint64    `json:"generation"`
	App        string    `json:"app"`
	Salt       string    `json:"salt"`
	Share      float64   `json:"share"`
	Stable     side      `json:"stable"`
	Canary     *side     `json:"canary,omitempty"`
	Banned     []string  `json:"banned,omitempty"` // Vercel's ids, the newest first
	Kept       []Kept    `json:"kept,omitempty"`   // the newest first
	Steps      []float64 `json:"steps,omitempty"`
	Back       bool      `json:"back,omitempty"`
	Mode       string    `json:"mode,omitempty"` // how the canary gets its visitors: it keeps that until its end
	Before     *before   `json:"before,omitempty"`
	// What Vercel's own clock said of the last promotion or rollback, and of the last rolling release, when this canary
	// was first wanted: what is newer was done since.
	Known  bool  `json:"known,omitempty"`
	Moved  int64 `json:"moved,omitempty"`
	Rolled int64 `json:"rolled,omitempty"`
	// Auto is whether new builds reach production by themselves when nobody has rolled it back; nil: not known.
	Auto *bool `json:"auto,omitempty"`
}

// before is what was wanted before.
type before struct {
	Stable string  `json:"stable"`
	Canary string  `json:"canary,omitempty"`
	Share  float64 `json:"share,omitempty"`
}

func decode(doc json.RawMessage) (wanted, error) {
	var w wanted
	if err := json.Unmarshal(doc, &w); err != nil || w.V != 1 {
		return w, fault.Wrap(err, fault.Internal, "routing_unreadable", "The routing that is stored cannot be read.")
	}
	return w, nil
}

// canary is the id of the canary that is to have visitors; empty when there is none.
func (w wanted) canary() string {
	if w.Canary == nil || w.Share <= 0 {
		return ""
	}
	return w.Canary.ID
}

// again reports whether it goes over what was wanted once more, as a person's order to route again does.
func (w wanted) again() bool {
	return w.Before == nil || w.canary() == "" || w.Before.Canary != w.canary() || w.Before.Share >= w.Share
}

// publish stores what is wanted, and returns what is stored for the generation: a repeated try goes on with what the
// first one found.
func (p *Provider) publish(ctx context.Context, r provider.Routing) (wanted, error) {
	w := wanted{V: 1, Generation: r.Generation, App: r.App, Salt: r.Salt, Share: r.Share, Steps: r.Steps, Back: r.Back,
		Stable: side{r.Stable.External, r.Stable.URL}}
	if r.Canary != nil {
		w.Canary = &side{r.Canary.External, r.Canary.URL}
	}
	switch {
	case w.Stable.ID == "" || w.Canary != nil && w.Canary.ID == "":
		return w, fault.New(fault.Invalid, "deployment_foreign",
			"A deployment of this routing is not on Vercel: it has no dpl_… id there.")
	case r.Generation == 0 || !(r.Share >= 0 && r.Share <= 100) || r.Share > 0 && r.Canary == nil:
		return w, fault.New(fault.Invalid, "share_impossible", "A share of %g %% is none.", r.Share)
	}
	for _, a := range r.Retired {
		switch {
		case a.External == "":
		case a.Banned && len(w.Banned) < 16:
			w.Banned = append(w.Banned, a.External)
		case !a.Banned && len(w.Kept) < 4 && !a.Until.IsZero():
			w.Kept = append(w.Kept, Kept{a.External, a.URL, a.Until.UnixMilli()})
		}
	}
	if err := p.follows(ctx, &w); err != nil {
		return w, err
	}
	doc, err := json.Marshal(w)
	if err != nil {
		return w, fault.Wrap(err, fault.Internal, "routing_unreadable", "The routing cannot be written.")
	}
	if doc, err = p.o.Publish(ctx, w.App, w.Generation, doc); err != nil {
		return w, err
	}
	return decode(doc)
}

// follows takes over from what was wanted before.
func (p *Provider) follows(ctx context.Context, w *wanted) error {
	generation, doc, err := p.o.Wanted(ctx, w.App)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	var old wanted
	if err == nil && generation < w.Generation {
		if old, err = decode(doc); err != nil {
			old = wanted{} // of another target, or a newer Slipway: nothing is taken over
		} else {
			w.Before = &before{Stable: old.Stable.ID, Canary: old.canary(), Share: old.Share}
		}
	}
	if old.Mode != "" && (w.canary() == "" || old.canary() == w.canary()) {
		w.Mode = old.Mode
	}
	w.Auto = old.Auto
	if w.Back || generation >= w.Generation {
		return nil // a way back rests on nothing
	}
	if !w.again() || w.canary() == "" && old.canary() == w.Stable.ID {
		w.Known, w.Moved, w.Rolled = old.Known, old.Moved, old.Rolled
		return nil
	}
	look, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if v, err := p.look(look); err == nil {
		w.Known, w.Moved = true, v.project.Last.At().UnixMilli()
		if v.project.Last == nil || v.project.Last.Type != "rollback" {
			w.Auto = v.project.AutoAssign
		}
		if v.rolling != nil {
			w.Rolled = v.rolling.Updated.UnixMilli()
		}
		if w.Mode == "" && w.canary() != "" {
			w.Mode, _ = p.way(look, *w) // it is asked again when it is needed
		}
	}
	return nil
}
