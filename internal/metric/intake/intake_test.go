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
		i.First("buy", strconv.Itoa(n))
	}
	if n := len(i.visitors[0]) + len(i.visitors[1]); n > 2*maxVisitors {
		t.Errorf("%d visitors are remembered", n)
	}
	if i.First("buy", strconv.Itoa(3*maxVisitors-1)) || !i.First("leave", strconv.Itoa(3*maxVisitors-1)) {
		t.Error("a visitor's event is not told from another one")
	}
}
