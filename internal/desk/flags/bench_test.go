package flags_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk/flags"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// BenchmarkFlagList is what the page and the API read for a list of 1,001 flags in four environments, which were used
// for an hour: script/bench FlagList.
func BenchmarkFlagList(b *testing.B) {
	const many = 1001
	s, err := strategy.Parse("test.yaml", []byte(plain))
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range storetest.Engines(b) {
		db := storetest.Open(b, kind)
		e := engine.New(engine.Options{DB: db, Strategy: s, Log: slog.New(slog.DiscardHandler)})
		d := &flags.Desk{DB: db, Engine: e, Strategy: s}
		root := access.Actor{ID: "system:test", Name: "test", Grants: access.Everything()}
		fill(b, db, s, many)
		for _, c := range []struct {
			name string
			q    flags.Query
		}{
			{"first", flags.Query{Limit: 30}}, {"last", flags.Query{Limit: 30, Cursor: "flag-0970"}},
			{"text", flags.Query{Limit: 30, Text: "0999"}}, {"stale", flags.Query{Limit: 30, State: "stale"}},
			{"on", flags.Query{Limit: 30, State: "on", Environment: "production"}},
		} {
			b.Run(kind+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				var p api.FlagPage
				for b.Loop() {
					if p, err = d.Flags(b.Context(), root, c.q); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(p.Items)), "flags")
			})
		}
	}
}

// fill makes flags as people make them, with a rule, a split and an hour of use in each environment.
func fill(b *testing.B, db *store.DB, s *strategy.Strategy, many int) {
	b.Helper()
	err := db.Write(b.Context(), func(tx *store.Tx) error {
		for i := range many {
			f := flag.Flag{App: s.App, Key: fmt.Sprintf("flag-%04d", i), Kind: flag.Boolean, Description: "What it is about.",
				Owner: "core", Tags: []string{"shop"}, Bucketing: 2, Created: tx.Now(), Updated: tx.Now(),
				Variants: []flag.Variant{{Name: "on", Value: []byte("true")}, {Name: "off", Value: []byte("false")}}}
			if err := tx.InsertFlag(b.Context(), &f); err != nil {
				return err
			}
			for _, place := range s.Environments() {
				c := flag.Config{App: s.App, Flag: f.Key, Environment: place.Name, On: i%2 == 0, Off: "off", Revision: 3,
					Updated: tx.Now(), By: "user:ada", Rules: []flag.Rule{{ID: "staff", Serve: flag.Serve{Variant: "on"},
						If: []flag.Condition{{Attribute: "plan", Op: flag.Equals, Values: []any{"pro", "team"}}}}},
					Default: flag.Serve{Split: []flag.Portion{{Variant: "on", Weight: 2500}, {Variant: "off", Weight: 7500}}}}
				if err := tx.InsertFlagConfig(b.Context(), &c); err != nil {
					return err
				}
				var used []store.FlagUsage
				for at := range int64(60) {
					used = append(used, store.FlagUsage{App: s.App, Environment: place.Name, Flag: f.Key, Variant: "on",
						At: tx.Now().Unix() - 60*at, Span: 60, Evaluations: 3})
				}
				if err := tx.AddFlagUsage(b.Context(), used); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
