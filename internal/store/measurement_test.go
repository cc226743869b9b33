package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestBatches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		var want []store.Batch
		for n := range 5 {
			b := store.Batch{Source: "edge-1", Sequence: uint64(n), Received: at(n), Complete: int64(n), Body: []byte{0,
				byte(n), 255}}
			for try, fresh := range []bool{true, false} {
				got, err := db.InsertBatch(ctx, b)
				if err != nil || got != fresh {
					t.Errorf("batch %d, try %d: %t, %v", n, try, got, err)
				}
			}
			want = append(want, b)
		}
		_, err := db.InsertBatch(ctx, store.Batch{Source: "edge-1", Sequence: 1 << 63})
		wantFault(t, err, fault.Invalid, "number_too_large")
		got, err := db.Batches(ctx, at(1), 3)
		if diff := cmp.Diff(want[1:4], got); diff != "" || err != nil {
			t.Errorf("batches %v (-want +got):\n%s", err, diff)
		}
		if n, err := db.PruneBatches(ctx, at(4)); err != nil || n != 4 {
			t.Errorf("pruned %d, %v", n, err)
		}
		rolled := db.Write(ctx, func(tx *store.Tx) error { // in the engine's transaction too
			if _, err := tx.InsertBatch(ctx, store.Batch{Source: "edge-2", Received: at(9)}); err != nil {
				return err
			}
			return fault.New(fault.Refused, "no", "No.")
		})
		wantFault(t, rolled, fault.Refused, "no")
		if got, err := db.Batches(ctx, time.Time{}, 10); err != nil || len(got) != 1 {
			t.Errorf("left %v, %v", got, err)
		}
	})
}

func TestSamples(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		base := at(0).Unix()
		for n, deployment := range []string{"dep_1", "dep_2", "dep_1", "dep_1"} {
			s := store.Sample{App: "shop", Deployment: deployment, Class: "document", Second: base + int64(n), Span: 1,
				Doc: json.RawMessage(`{"requests": 3}`)}
			if err := db.PutSample(ctx, s); err != nil {
				t.Errorf("sample %d: %v", n, err)
			}
		}
		sum := store.Sample{App: "shop", Deployment: "dep_2", Class: "document", Second: base + 1, Span: 1,
			Doc: json.RawMessage(`{"n":9}`)}
		if err := db.PutSample(ctx, sum); err != nil {
			t.Fatal(err)
		}
		put, err := db.SamplesOf(ctx, "shop", at(1), at(2))
		if err != nil || len(put) != 1 || string(put[0].Doc) != `{"n":9}` {
			t.Errorf("put %v, %v", put, err)
		}
		wantFault(t, db.PutSample(ctx, store.Sample{Doc: json.RawMessage("{")}), fault.Invalid, "not_json")
		got, err := db.SamplesOf(ctx, "shop", at(0), at(3), "dep_1", "dep_9")
		if err != nil || len(got) != 2 || got[1].Second != base+2 || string(got[0].Doc) != `{"requests":3}` {
			t.Errorf("samples %v, %v", got, err)
		}
		if got, err = db.SamplesOf(ctx, "shop", at(0), at(100)); err != nil || len(got) != 4 {
			t.Errorf("samples of all: %v, %v", got, err)
		}
		// One that began before the time and reaches into it is part of it; one that was over is not.
		for _, s := range []store.Sample{{Second: base - 3599, Span: 3600}, {Second: base - 3600, Span: 3600},
			{Second: base - 3599, Span: 60}} {
			s.App, s.Deployment, s.Class, s.Doc = "shop", "dep_3", "document", json.RawMessage("{}")
			if err := db.PutSample(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
		if got, err = db.SamplesOf(ctx, "shop", at(0), at(1), "dep_3"); err != nil || len(got) != 1 ||
			got[0].Second != base-3599 || got[0].Span != 3600 {
			t.Errorf("samples that reach into it: %v, %v", got, err)
		}
		if n, err := db.PruneSamples(ctx, 1, at(2).Unix()); err != nil || n != 2 {
			t.Errorf("pruned %d, %v", n, err)
		}
	})
}

func TestProbesAndVerdicts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for n := range 4 {
			p := guard.Probe{At: at(n), Deployment: "dep_1", OK: n%2 == 0, Took: time.Duration(n) * time.Millisecond,
				Detail: "HTTP 503"}
			v := guard.Verdict{At: at(n), Word: guard.NotEnough, Action: guard.Hold, Requests: uint64(n),
				Findings: []guard.Finding{}}
			if err := db.InsertProbe(ctx, "shop", p); err != nil {
				t.Fatal(err)
			}
			if err := db.InsertVerdict(ctx, "rel_1", int64(n+1), v, []byte{byte(n)}); err != nil {
				t.Fatal(err)
			}
		}
		probes, err := db.ProbesOf(ctx, "dep_1", at(2))
		want := []guard.Probe{
			{At: at(2), Deployment: "dep_1", OK: true, Took: 2 * time.Millisecond, Detail: "HTTP 503"},
			{At: at(3), Deployment: "dep_1", Took: 3 * time.Millisecond, Detail: "HTTP 503"},
		}
		if diff := cmp.Diff(want, probes, sameInstant()); diff != "" || err != nil {
			t.Errorf("probes %v (-want +got):\n%s", err, diff)
		}
		verdicts, err := db.VerdictsOf(ctx, "rel_1", at(1), 2)
		if err != nil || len(verdicts) != 2 || verdicts[0].Verdict.Requests != 2 || verdicts[1].Verdict.Requests != 3 {
			t.Errorf("verdicts %v, %v", verdicts, err)
		}
		over, err := db.VerdictsOver(ctx, "rel_1", at(0), at(2).Sub(at(0)))
		if err != nil || len(over) != 2 || over[0].Verdict.Requests != 1 || over[1].Verdict.Requests != 3 {
			t.Errorf("the last of every two: %v, %v", over, err)
		}
		for n, word := range []guard.Word{guard.NotEnough, guard.Worse, guard.Worse, guard.NotEnough} {
			v := guard.Verdict{At: at(n), Word: word, Action: guard.Hold, Requests: uint64(n), Findings: []guard.Finding{}}
			if err := db.InsertVerdict(ctx, "rel_3", int64(n+1), v, []byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		changes, err := db.VerdictChanges(ctx, "rel_3", at(0), 2)
		if err != nil || len(changes) != 2 || changes[0].Verdict.Requests != 1 || changes[1].Verdict.Requests != 3 {
			t.Errorf("changes %v, %v", changes, err)
		}
		latest, err := db.LatestVerdict(ctx, "rel_1")
		if err != nil || latest == nil || latest.Verdict.Requests != 3 || latest.Look != 4 {
			t.Errorf("latest %v, %v", latest, err)
		}
		if none, err := db.LatestVerdict(ctx, "rel_2"); err != nil || none != nil {
			t.Errorf("latest of nothing: %v, %v", none, err)
		}
		if n, err := db.PruneProbes(ctx, at(3)); err != nil || n != 3 {
			t.Errorf("pruned %d, %v", n, err)
		}
	})
}

// One number is given once: of two nodes that judge the same release one is refused, inside a commit as well.
func TestALookIsRecordedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		v := guard.Verdict{At: at(1), Word: guard.NotEnough, Action: guard.Hold}
		if err := db.InsertVerdict(ctx, "rel_1", 1, v, []byte("a")); err != nil {
			t.Fatal(err)
		}
		err := db.InsertVerdict(ctx, "rel_1", 1, v, []byte("b"))
		within := db.Write(ctx, func(tx *store.Tx) error { return tx.InsertVerdict(ctx, "rel_1", 1, v, []byte("c")) })
		for _, err := range []error{err, within} {
			if fault.ReasonOf(err) != "changed_meanwhile" {
				t.Errorf("the second one is answered with %v", err)
			}
		}
		rows, err := db.Looks(ctx, "rel_1", 0, 10)
		if err != nil || len(rows) != 1 || string(rows[0].Evidence) != "a" {
			t.Errorf("%v: %+v", err, rows)
		}
	})
}

// Looks are kept while the release is under way, and all of them until long after the last.
func TestLooksArePrunedByTheirRelease(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for id, phase := range map[string]release.Phase{
			"rel_active": release.Running, "rel_long": release.Completed, "rel_over": release.Completed,
		} {
			r := release.Release{ID: id, App: "shop", Version: id, Phase: phase, Created: at(0)}
			if err := db.Write(ctx, func(tx *store.Tx) error { return tx.InsertRelease(ctx, &r) }); err != nil {
				t.Fatal(err)
			}
			for n := range 3 {
				v := guard.Verdict{At: at(n)}
				if id == "rel_long" {
					v.At = at(100 * n)
				}
				if err := db.InsertVerdict(ctx, id, int64(n+1), v, []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n, err := db.PruneVerdicts(ctx, at(50)); err != nil || n != 3 {
			t.Errorf("pruned %d, %v", n, err)
		}
		for id, want := range map[string]int{"rel_active": 3, "rel_long": 3, "rel_over": 0} {
			if rows, err := db.Looks(ctx, id, 0, 10); err != nil || len(rows) != want {
				t.Errorf("%s has %d looks, want %d (%v)", id, len(rows), want, err)
			}
		}
	})
}

func TestEdges(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for n := range 2 {
			for _, name := range []string{"b", "a"} {
				if err := db.PutEdge(ctx, store.EdgeSeen{Name: name, Generation: uint64(n), Seen: at(n)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := db.Edges(ctx)
		want := []store.EdgeSeen{{Name: "a", Generation: 1, Seen: at(1)}, {Name: "b", Generation: 1, Seen: at(1)}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("edges %v (-want +got):\n%s", err, diff)
		}
		if n, err := db.PruneEdges(ctx, at(2)); err != nil || n != 2 {
			t.Errorf("pruned %d, %v", n, err)
		}
	})
}
