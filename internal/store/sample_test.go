package store_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestSamplesAreFoundByTheirSpan(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		if second, err := db.OldestSample(ctx, 10); err != nil || second != 0 {
			t.Errorf("of none the oldest is %d, %v", second, err)
		}
		sample := func(second, span int64) store.Sample {
			s := store.Sample{App: "shop", Deployment: "dep_1", Class: "page", Second: second, Span: span,
				Doc: json.RawMessage(`{"n":1}`)}
			if err := db.PutSample(ctx, s); err != nil {
				t.Fatal(err)
			}
			return s
		}
		first, second, minute := sample(1000, 10), sample(1010, 10), sample(960, 60)
		if oldest, err := db.OldestSample(ctx, 10); err != nil || oldest != 1000 {
			t.Errorf("the oldest is %d, %v", oldest, err)
		}
		in, err := db.SamplesIn(ctx, 10, 1000, 1020)
		if diff := cmp.Diff([]store.Sample{first, second}, in); diff != "" || err != nil {
			t.Errorf("in a window %v (-want +got):\n%s", err, diff)
		}
		if in, err := db.SamplesIn(ctx, 10, 1001, 1010); err != nil || len(in) != 0 {
			t.Errorf("between two: %+v, %v", in, err)
		}
		got, err := db.SampleAt(ctx, minute)
		if err != nil || got == nil || got.Span != 60 {
			t.Errorf("the minute's is %+v, %v", got, err)
		}
		minute.Class = "api"
		if got, err := db.SampleAt(ctx, minute); err != nil || got != nil {
			t.Errorf("of another class there is %+v, %v", got, err)
		}
	})
}
