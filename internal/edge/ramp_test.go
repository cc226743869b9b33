package edge

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/bucket"
	"github.com/slipwayhq/slipway/internal/flag"
)

func checkout(share float64) Ramp {
	return Ramp{ID: "flag:production/new-checkout", Salt: "new-checkout", Share: share, Variant: "on", Against: "off"}
}

// The application serves the variant by the id that it is told. Its failures are those of the variant's arm, none is
// lost with a header that a crash does not send, and they stay failures of the deployment too.
func TestAnswersCountForTheVariantOfTheirVisitor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, r *http.Request) {
		if bucket.Of("new-checkout", r.Header.Get(VisitorHeader)).In(30) {
			panic(http.ErrAbortHandler) // before its header
		}
		rw.Header().Set("X-Slipway-Flags", "new-checkout=off")
	}, nil, 0)
	w.change(func(t *Table) { t.Ramps = []Ramp{checkout(30)} })
	in := uint64(0)
	for i := range 200 {
		id := fmt.Sprintf("%032x", i)
		a := w.get("/", "Accept", "text/html", "Cookie", DefaultCookie+"="+id)
		if bucket.Of("new-checkout", id).In(30) {
			in++
		}
		if a.header.Get("X-Slipway-Flags") != "" {
			t.Fatal("the visitor is told of the flags")
		}
	}
	w.get("/", "User-Agent", "Googlebot/2.1")
	all := w.totals()
	on, off, dep := all["flag:production/new-checkout=on"], all["flag:production/new-checkout=off"], all["dep_a"]
	if in == 0 || on.Requests != in || on.Errors != in || on.Units != in {
		t.Errorf("the variant of %d visitors has %d requests, %d errors of %d visitors", in, on.Requests, on.Errors,
			on.Units)
	}
	if off.Requests != 200-in || off.Errors != 0 || on.Excluded+off.Excluded != 0 {
		t.Errorf("the others have %d requests, %d errors; %d of nobody", off.Requests, off.Errors, on.Excluded+off.Excluded)
	}
	if dep.Requests != 200 || dep.Errors != in || dep.Units != in || dep.Excluded != 1 {
		t.Errorf("the deployment has %d requests, %d errors of %d visitors", dep.Requests, dep.Errors, dep.Units)
	}
	if on.Slices == nil || on.Latency.Count() == 0 || on.Latency.Count()+off.Latency.Count() != dep.Latency.Count() {
		t.Errorf("%d and %d durations of the arms, %d of the deployment", on.Latency.Count(), off.Latency.Count(),
			dep.Latency.Count())
	}
}

// What is slow is found out from requests, not from what they are counted for.
func TestADurationIsPooledOnce(t *testing.T) {
	t.Parallel()
	o := newObserver("edge-1", 10)
	s := answered("dep_a", 200)
	s.ramps = []string{"a=on", "b=off"}
	for range 10 {
		o.record(time.Unix(1000, 0), s)
	}
	if n := o.pool.Count(); n != 10 {
		t.Errorf("%d durations are pooled of 10 requests", n)
	}
}

// A canary that is away counts its own failure; its visitor saw one answer.
func TestAFailoverIsOneAnswerOfTheVariant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 100)
	w.change(func(t *Table) { t.Ramps = []Ramp{checkout(100)} })
	w.canary.Close()
	if a := w.get("/", "Accept", "text/html"); a.status != http.StatusOK {
		t.Fatalf("the stable version answers %d", a.status)
	}
	all := w.totals()
	if on := all["flag:production/new-checkout=on"]; on.Requests != 1 || on.Errors != 0 || all["dep_b"].Errors != 1 {
		t.Errorf("one answer counts %d times, with %d errors; %d of the canary", on.Requests, on.Errors, all["dep_b"].Errors)
	}
}

// The edge assigns as the flag's split does, user by user, and with one salt the exposures of a canary and a flag
// nest.
//
// req: FF-16 N-05
func TestCanaryAndFlagNest(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for _, shares := range [][2]float64{{5, 10}, {0.07, 0.07}, {28.99, 29}, {50, 50}, {0, 100}, {33.33, 12.5}} {
		canary, raised := shares[0], shares[1]
		snapshot := split(t, "rel_1", raised)
		rt, err := compile(Table{Salt: "rel_1", Stable: "a", Canary: "b", Share: canary, Arms: []Arm{
			{ID: "a", URL: "http://a"}, {ID: "b", URL: "http://b"},
		}, Ramps: []Ramp{{ID: "f", Salt: "rel_1", Share: raised, Variant: "on", Against: "off"}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 30_000 {
			id := fmt.Sprintf("%032x", i*7919)
			got := snapshot.Evaluate("new-checkout", flag.NewContext(id, nil), now).Variant
			arms, risks := rt.drawRamps(id)
			arm := strings.TrimPrefix(arms[0], "f=")
			if (risks == 1) != (arm == "on" && raised < 100) {
				t.Fatalf("at %g %% the risk of %s, who gets %s, is %b", raised, id, arm, risks)
			}
			if got != arm {
				t.Fatalf("at %g %% the flag gives %s %s, the edge counts %s", raised, id, got, arm)
			}
			inCanary, inFlag := rt.draw(id) == rt.canary, arm == "on"
			if canary <= raised && inCanary && !inFlag || raised <= canary && inFlag && !inCanary {
				t.Fatalf("%s at a canary of %g %% and a flag of %g %%: %v and %v do not nest", id, canary, raised, inCanary,
					inFlag)
			}
		}
	}
}

// split compiles a flag whose variant on has a share of everybody.
func split(t *testing.T, salt string, share float64) *flag.Snapshot {
	t.Helper()
	weight := int(math.Round(share * 100))
	set := flag.Set{App: "shop", Environment: "production", Generation: 1, Flags: []flag.Flag{{
		App: "shop", Key: "new-checkout", Kind: flag.Boolean, Bucketing: 2, Variants: []flag.Variant{
			{Name: "on", Value: json.RawMessage("true")}, {Name: "off", Value: json.RawMessage("false")},
		},
	}}, Configs: []flag.Config{{App: "shop", Flag: "new-checkout", Environment: "production", On: true,
		Default: flag.Serve{Salt: salt, Split: []flag.Portion{
			{Variant: "on", Weight: weight}, {Variant: "off", Weight: 10_000 - weight},
		}}}}}
	doc, err := set.Document()
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := flag.Compile(doc)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func TestRampsThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	good := Table{Generation: 1, App: "shop", Salt: "s", Stable: "a", Arms: []Arm{{ID: "a", URL: "http://a"}}}
	with := func(list ...Ramp) Table { t := good; t.Ramps = list; return t }
	change := func(f func(*Ramp)) Ramp { r := checkout(5); f(&r); return r }
	if err := with(checkout(5)).Validate(); err != nil {
		t.Fatal(err)
	}
	many := make([]Ramp, maxRamps+1)
	for i := range many {
		many[i] = change(func(r *Ramp) { r.ID = fmt.Sprint("flag:production/", i) })
	}
	bad := map[string]Table{
		"too many":    with(many...),
		"twice":       with(checkout(5), checkout(6)),
		"no id":       with(change(func(r *Ramp) { r.ID = "" })),
		"no salt":     with(change(func(r *Ramp) { r.Salt = "" })),
		"share":       with(change(func(r *Ramp) { r.Share = 101 })),
		"no number":   with(change(func(r *Ramp) { r.Share = math.NaN() })),
		"one variant": with(change(func(r *Ramp) { r.Against = r.Variant })),
		"no variant":  with(change(func(r *Ramp) { r.Variant = "" })),
		"long":        with(change(func(r *Ramp) { r.ID = strings.Repeat("f", maxArm) })),
		"control":     with(change(func(r *Ramp) { r.ID = "flag:\n" })),
	}
	for name, table := range bad {
		if table.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	text, err := json.Marshal(with(checkout(5)))
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeTable(text)
	if err != nil || !cmp.Equal(back, with(checkout(5))) || back.equal(good) {
		t.Errorf("a table with a ramp comes back as %+v, %v", back, err)
	}
}
