package judge

import (
	"fmt"
	"reflect"
	"testing"
)

// What a judge may take, and what each custom metric adds to that.
const (
	mostState  = 64 << 10
	mostMetric = 24 << 10
)

// weigh is how many bytes a value has, with all that it points to.
func weigh(v reflect.Value) int {
	return int(v.Type().Size()) + pointed(v)
}

// pointed is how many of them it only points to.
func pointed(v reflect.Value) int {
	sum := 0
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			sum = weigh(v.Elem())
		}
	case reflect.String:
		sum = v.Len()
	case reflect.Slice:
		sum = v.Cap() * int(v.Type().Elem().Size())
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			sum += pointed(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			sum += pointed(v.Field(i))
		}
	case reflect.Map, reflect.Chan, reflect.Func:
		panic("nobody has weighed a " + v.Type().String())
	}
	return sum
}

// The state of a judge is bounded however long it judges and whatever goes wrong: by what it has itself, and by as much
// for each custom metric.
func TestTheStateIsSmall(t *testing.T) {
	t.Parallel()
	state := func(kind Kind, n int) int {
		var s Settings
		for i := range n {
			s.Metrics = append(s.Metrics, Metric{Name: fmt.Sprint("m", i), Kind: kind})
		}
		j := New(s)
		counts := make([]uint32, ProductBins().Count)
		for i := range counts {
			counts[i] = 1
		}
		for second := range int64(1800) {
			x := tick(second, min(uint64(second%7/6), 5), uint64(second%97/60*9)) // troubles of both, over and over
			x.Canary.Latency, x.Stable.Latency = counts, counts
			if x.Share = 0.05; second%600 > 300 {
				x.Share = 0.25
			}
			j.Tick(x)
			for i := range s.Metrics {
				v := Value{Metric: s.Metrics[i].Name, Second: second, Share: x.Share}
				v.Canary.N, v.Canary.Bad, v.Canary.Sum, v.Canary.SumSq = 5, 1, 5, 5
				v.Stable.N, v.Stable.Bad, v.Stable.Sum, v.Stable.SumSq = 95, 19, 95, 95
				v.Canary.Hist.AddCount(900, 5)
				v.Stable.Hist.AddCount(800, 95)
				j.Value(&v)
			}
		}
		return weigh(reflect.ValueOf(j).Elem())
	}
	alone := state("", 0)
	t.Logf("%d bytes", alone)
	if alone > mostState {
		t.Errorf("a judge takes %d bytes", alone)
	}
	for _, kind := range []Kind{Rate, Mean, Durations} {
		each := state(kind, 2) - alone
		t.Logf("a metric of kind %s: %d bytes", kind, each/2)
		if each > 2*mostMetric {
			t.Errorf("two metrics of kind %s take %d bytes", kind, each)
		}
	}
}
