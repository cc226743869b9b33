package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/store"
)

// Replay makes every verdict on a release again from what was stored. It reads only, and begins at the first look.
type Replay struct {
	reading
	db *store.DB
	id string
}

// NewReplay returns a Replay of a release that stands before the first look.
func NewReplay(db *store.DB, release string) *Replay { return &Replay{db: db, id: release} }

// Again is a verdict that was made again.
type Again struct {
	Look    int64
	Verdict guard.Verdict // as it comes out now; empty when the evidence can't be read
	Differs *Difference   // nil when it is the recorded one to the last digit
}

// Difference is where a recorded verdict is not what its evidence says.
type Difference struct {
	Look     int64
	Where    string // a path into the verdict, "evidence" when that can't be read, "look" when one is missing
	Recorded string
	Again    string
}

// Skip goes to the look after which the next one is made again, without making verdicts.
func (r *Replay) Skip(ctx context.Context, after int64) error {
	_, err := r.rows(ctx, r.db, r.id, after-r.look, func(row store.Look) error {
		if rules, ev, err := r.read(row); err == nil {
			r.pass.Feed(rules, ev)
		}
		return nil
	})
	return err
}

// Next makes up to limit verdicts again and hands each over. It returns how many there were: fewer than limit when they
// were the last.
func (r *Replay) Next(ctx context.Context, limit int64, each func(Again) error) (int64, error) {
	return r.rows(ctx, r.db, r.id, limit, func(row store.Look) error { return each(r.again(row)) })
}

// Ticks hands over what up to limit looks gave the judge to compare, second by second.
func (r *Replay) Ticks(ctx context.Context, limit int64, each func(*judge.Tick) error) (int64, error) {
	return r.rows(ctx, r.db, r.id, limit, func(row store.Look) error {
		rules, ev, err := r.read(row)
		if err != nil {
			return err
		}
		var failed error
		r.pass.Ticks(rules, ev, func(t *judge.Tick) {
			if failed == nil {
				failed = each(t)
			}
		})
		return failed
	})
}

// Look is the number of the last look that was read, 0 before the first.
func (r *Replay) Look() int64 { return r.look }

// Start is the second of the first visitor, 0 before a look was read.
func (r *Replay) Start() int64 { return r.pass.Start() }

func (r *Replay) again(row store.Look) Again {
	out := Again{Look: row.Look}
	differs := func(where, recorded, again string) Again {
		out.Differs = &Difference{Look: row.Look, Where: where, Recorded: recorded, Again: again}
		return out
	}
	if row.Look != r.look+1 {
		return differs("look", fmt.Sprintf("%d comes after %d", row.Look, r.look), "none is missing")
	}
	rules, ev, err := r.read(row)
	if err != nil {
		return differs("evidence", err.Error(), "")
	}
	out.Verdict = r.pass.Evaluate(rules, ev)
	recorded, err := row.Verdict()
	if err != nil {
		return differs("verdict", err.Error(), out.Verdict.Sentence)
	}
	text, err := json.Marshal(out.Verdict)
	if err != nil {
		return differs("verdict", "", err.Error())
	}
	if bytes.Equal(text, recorded) {
		return out
	}
	return differs(difference(recorded, text))
}

// difference finds the first place where two documents differ.
func difference(recorded, again []byte) (where, a, b string) {
	var x, y any
	if decode(recorded, &x) != nil || decode(again, &y) != nil {
		return "verdict", string(recorded), string(again)
	}
	where, x, y = differ("", x, y)
	return where, text(x), text(y)
}

// decode reads numbers digit by digit.
func decode(b []byte, into *any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(into)
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil || v == nil {
		return ""
	}
	return string(b)
}

func differ(at string, x, y any) (string, any, any) {
	switch a := x.(type) {
	case map[string]any:
		b, ok := y.(map[string]any)
		if !ok {
			return at, x, y
		}
		for _, name := range names(a, b) {
			if !reflect.DeepEqual(a[name], b[name]) {
				below := name
				if at != "" {
					below = at + "." + name
				}
				return differ(below, a[name], b[name])
			}
		}
	case []any:
		b, ok := y.([]any)
		if !ok {
			return at, x, y
		}
		for i := range min(len(a), len(b)) {
			if !reflect.DeepEqual(a[i], b[i]) {
				return differ(at+"["+strconv.Itoa(i)+"]", a[i], b[i])
			}
		}
	}
	return at, x, y
}

func names(a, b map[string]any) []string {
	var out []string
	for _, m := range []map[string]any{a, b} {
		for name := range m {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}
