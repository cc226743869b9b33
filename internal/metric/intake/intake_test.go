package intake

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/metrictest"
)

type world struct {
	t *testing.T
	i *Intake
}

func (w world) Serve(now time.Time, traffic ...metrictest.Traffic) {
	for _, x := range traffic {
		if x.Requests == 0 {
			continue
		}
		b := metric.Bucket{Deployment: x.Deployment, Class: metric.Document, Second: now.Unix(),
			Requests: uint64(x.Requests), Errors: uint64(x.Errors), Units: uint64(x.Errors)}
		b.Latency.AddCount(float64(x.Took)/1e6, uint32(x.Requests))
		if err := w.i.Bucket(now, b); err != nil {
			w.t.Error(err)
		}
	}
}

func (w world) Break(bool) {}

func (w world) Collect(now time.Time) []metric.Batch {
	if b, ok := w.i.Collect(now); ok {
		return []metric.Batch{b}
	}
	return nil
}

func TestIntakeKeepsTheContract(t *testing.T) {
	t.Parallel()
	metrictest.Run(t, metrictest.Contract{Kind: metric.OTLP, Latency: 0.02, Behind: 180},
		func(t *testing.T) metrictest.World {
			return world{t, New(Options{Kind: metric.OTLP, Source: "otlp-1", Late: 20 * time.Second})}
		})
}

func TestLateAndFutureAreCountedAndRefused(t *testing.T) {
	t.Parallel()
	now := time.Unix(metrictest.Start, 0)
	i := New(Options{Kind: metric.App, Source: "app-1"})
	put := func(s int64) error {
		return i.Value(now, metric.Value{Deployment: "dep_1", Metric: "conversion", Second: now.Unix() + s,
			Sums: judge.Sums{N: 1}})
	}
	for _, s := range []int64{0, -120, 60} {
		if err := put(s); err != nil {
			t.Errorf("a value of second %d is refused: %v", s, err)
		}
	}
	if err := put(-121); !fault.Is(err, fault.Refused) || !strings.Contains(err.Error(), "2m1s old") {
		t.Errorf("a late value: %v", err)
	}
	if err := put(61); !fault.Is(err, fault.Refused) {
		t.Errorf("a value of the future: %v", err)
	}
	if c := i.Counters(); c.Accepted != 3 || c.Late != 1 || c.Future != 1 {
		t.Errorf("counted %+v", c)
	}
}

func TestSilenceStandsStill(t *testing.T) {
	t.Parallel()
	now := time.Unix(metrictest.Start, 0)
	i := New(Options{Kind: metric.App, Source: "app-1", Late: 10 * time.Second})
	if _, ok := i.Collect(now); ok {
		t.Error("something is final before anything came")
	}
	_ = i.Value(now, metric.Value{Deployment: "dep_1", Metric: "x", Second: now.Unix(), Sums: judge.Sums{N: 1}})
	last := int64(0)
	for s := range 100 {
		if b, ok := i.Collect(now.Add(time.Duration(s) * time.Second)); ok {
			last = b.Complete
		}
	}
	if last == 0 || last > metrictest.Start {
		t.Errorf("without a word for 90 s everything up to %d s after the last one is final", last-metrictest.Start)
	}
}

func TestIntakeIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(metrictest.Start, 0)
	i := New(Options{Kind: metric.App, Source: "app-1"})
	var full error
	for n := range maxPending + 10 {
		err := i.Value(now, metric.Value{Deployment: strconv.Itoa(n), Metric: "x", Second: now.Unix()})
		if err != nil {
			full = err
		}
	}
	if c := i.Counters(); !fault.Is(full, fault.Limited) || c.Full != 10 || c.Accepted != maxPending {
		t.Errorf("%v, counted %+v", full, c)
	}
	for n := range 3 * maxVisitors {
		i.first(hash("buy", strconv.Itoa(n)), 0, false)
	}
	if n := len(i.visitors[0]) + len(i.visitors[1]); n > 2*maxVisitors {
		t.Errorf("%d visitors are remembered", n)
	}
	again := func(what string) bool { return i.first(hash(what, strconv.Itoa(3*maxVisitors-1)), 0, false) }
	if again("buy") || !again("leave") {
		t.Error("a visitor's event is not told from another one")
	}
}

// A page that reports its layout shift again and again has one, the largest; another visitor and another ten seconds
// have their own.
func TestOfAVisitorTheWorstCounts(t *testing.T) {
	t.Parallel()
	i := New(Options{Kind: metric.App, Source: "app-test"})
	at := time.Unix(1_800_000_000, 0)
	for _, x := range []struct {
		visitor string
		second  int64
		number  float64
	}{{"a", 1, 50}, {"a", 3, 200}, {"a", 9, 100}, {"b", 3, 10}, {"a", 12, 30}} {
		if err := i.Worst(at.Add(15*time.Second), "dep_1", "cls", x.visitor, at.Unix()+x.second, x.number); err != nil {
			t.Fatal(err)
		}
	}
	if b, _ := i.Collect(at.Add(16 * time.Second)); len(b.Values) != 0 {
		t.Errorf("a larger number may still come, and %+v are counted", b.Values)
	}
	b, ok := i.Collect(at.Add(45 * time.Second))
	of := map[int64]judge.Sums{}
	for _, v := range b.Values {
		of[v.Second-at.Unix()] = v.Sums
	}
	if first := of[9]; !ok || first.N != 2 || first.Hist.CountAbove(150) != 1 || first.Hist.CountAbove(5) != 2 {
		t.Errorf("in the first ten seconds: %+v", first)
	}
	if second := of[19]; second.N != 1 {
		t.Errorf("in the next: %+v", second)
	}
	if c := i.Counters(); c.Accepted != 5 {
		t.Errorf("%d were accepted, want 5", c.Accepted)
	}
}

// However little may be late, a visitor's largest number is handed over before its second is final, and as soon as no
// larger one may come.
func TestTheWorstIsCountedInTime(t *testing.T) {
	t.Parallel()
	for _, late := range []time.Duration{time.Second, 5 * time.Second, 25 * time.Second, 2 * time.Minute} {
		for first := range int64(10) {
			i := New(Options{Kind: metric.App, Source: "app-test", Late: late})
			at, final, got := time.Unix(1_800_000_000+first, 0), int64(0), uint64(0)
			for s := range int64(60) {
				now := at.Add(time.Duration(s) * time.Second)
				if s == 0 {
					if err := i.Worst(now, "dep_1", "cls", "a", now.Unix(), 50); err != nil {
						t.Fatal(err)
					}
				}
				_ = i.InTime(now, now.Unix()) // others report
				b, _ := i.Collect(now)
				for _, v := range b.Values {
					got += v.Sums.N
					if v.Second < final || v.Second/10 != at.Unix()/10 {
						t.Errorf("late %s: second %d counts as %d when all before %d is final", late, at.Unix(), v.Second, final)
					}
				}
				final = max(final, b.Complete)
			}
			if got != 1 {
				t.Errorf("late %s, second %d: %d values", late, first, got)
			}
		}
	}
}

// A request of which something finds no room counts not at all, so that it can be sent again; then all of it counts.
func TestARequestCountsAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	now := time.Unix(metrictest.Start, 0)
	i := New(Options{Kind: metric.App, Source: "app-1"})
	for n := range maxPending - 2 {
		_ = i.Value(now, metric.Value{Deployment: strconv.Itoa(n), Metric: "x", Second: now.Unix()})
	}
	part := func(visitor string, worst bool) Part {
		v := metric.Value{Deployment: "dep_" + visitor, Metric: "buys", Second: now.Unix(), Sums: judge.Sums{N: 1}}
		v.Sums.Hist.AddCount(7, 1)
		return Part{Value: v, Visitor: visitor, Worst: worst}
	}
	request := []Part{part("a", false), part("b", true), part("c", false)}
	before := i.Counters()
	_, err := i.Take(now, request)
	if after := i.Counters(); fault.ReasonOf(err) != "metrics_full" || after.Accepted != before.Accepted {
		t.Errorf("%v: of a request without room %d count", err, after.Accepted-before.Accepted)
	}
	i.Collect(now)
	whether, err := i.Take(now, append(request, part("a", false)))
	if err != nil || whether[0] != nil || whether[1] != nil || whether[2] != nil ||
		fault.ReasonOf(whether[3]) != "metric_repeated" {
		t.Errorf("with room again: %v, %v", whether, err)
	}
	counted := 0
	for s := range 60 {
		b, _ := i.Collect(now.Add(time.Duration(s) * time.Second))
		for _, v := range b.Values {
			counted += int(v.Sums.N)
		}
	}
	if counted != 3 {
		t.Errorf("%d values count, want 3", counted)
	}
}

// A batch that is kept by its name is told the same of its visitors when it is sent again; another one is not.
func TestANamedBatchIsToldTheSameAgain(t *testing.T) {
	t.Parallel()
	now := time.Unix(metrictest.Start, 0)
	i := New(Options{Kind: metric.App, Source: "app-1"})
	v := metric.Value{Deployment: "dep_1", Metric: "buys", Second: now.Unix(), Sums: judge.Sums{N: 1}}
	parts := []Part{{Value: v, Visitor: "a"}, {Value: v, Visitor: "a"}}
	for range 2 {
		if got := i.Check(now, "shop/1", parts); got[0] != nil || fault.ReasonOf(got[1]) != "metric_repeated" {
			t.Errorf("the batch: %v", got)
		}
	}
	if got := i.Check(now, "shop/2", parts[:1]); fault.ReasonOf(got[0]) != "metric_repeated" {
		t.Errorf("another batch: %v", got)
	}
}
