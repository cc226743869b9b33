package judge

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// tick is one second of plain traffic: 5 canary and 95 stable requests, with failures as given.
func tick(second int64, c, s uint64) *Tick {
	return &Tick{
		Second: second, Share: 0.05, Canary: Arm{Requests: 5, Errors: c, Units: c},
		Stable:     Arm{Requests: 95, Errors: s, Units: s},
		SliceUnits: &[Slices]uint32{uint32(s)},
	}
}

// The reference: section 1.12 of the statistics, "ours, exact": each world's answer is a probability over where k
// failures fall, so that no account grows on average in the tolerated one, whatever the filters have seen.
func TestEveryBetIsFair(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for _, v := range []float64{0.01, 0.05, 0.25, 0.5, 0.9} {
		for _, bursts := range []uint64{0, 20} {
			e := newErrorEvidence(Settings{Background: Background{Seconds: 10800, Sliced: true, Bursts: bursts}}.sane())
			for range 200 { // a history that puts the filters anywhere
				k := float64(rng.IntN(4))
				e.filteredStep(v, math.Floor(k*rng.Float64()+0.3), k)
			}
			for _, k := range []uint64{1, 2, 7, 40} {
				for world := range worlds {
					sum := 0.0
					for c := range k + 1 {
						try := e
						p := num.Choose(k, c) + float64(c)*math.Log(v) + float64(k-c)*math.Log1p(-v)
						sum += math.Exp(p + try.worlds[world].Weigh(float64(c), float64(k)))
					}
					if math.Abs(sum-1) > 1e-9 {
						t.Errorf("share %g, %d failures, world %d: the chances add up to %.12f", v, k, world, sum)
					}
				}
			}
		}
	}
}

func (e *errorEvidence) filteredStep(v, c, k float64) {
	e.prepare(v)
	e.filteredTick(1, min(c, k), k)
}

// The linear bet is fair for any dependence within a block: also when all failures are one cluster.
func TestLinearBetsAreFairForOneCluster(t *testing.T) {
	t.Parallel()
	for _, k := range []float64{1, 20, 1000} {
		const v = 0.05
		mean := 0.0
		for _, c := range []float64{0, k} {
			e := newErrorEvidence(Settings{Background: Background{Mode: Linear, Block: 15}}.sane())
			e.prepare(v)
			e.linearTick(0, v, c, k)
			e.closeBlock()
			e.renew()
			w := share(v, e.rho)
			if c > 0 {
				mean += w * math.Exp(e.logE)
			} else {
				mean += (1 - w) * math.Exp(e.logE)
			}
		}
		if math.Abs(mean-1) > 1e-9 {
			t.Errorf("%g failures in one cluster: the mean wealth is %.12f", k, mean)
		}
	}
}

func TestMovingMoneyWinsNothing(t *testing.T) {
	t.Parallel()
	e := newErrorEvidence(Settings{}.sane())
	total := e.money
	e.prepare(0.05)
	for range 5000 { // nothing fails for long: gross accounts are withdrawn and paid in again
		e.pass(1)
		e.withdraw(0, 100, 0.01)
		if math.Abs(total()-1) > 1e-9 {
			t.Fatalf("moving money made %.12f of 1", total())
		}
	}
	if e.wealth[accounts-1] > 1e-6 {
		t.Errorf("%g is still bet on everything failing", e.wealth[accounts-1])
	}
}

func TestATickAllocatesNothing(t *testing.T) {
	j := New(Settings{Bins: Bins{Low: 8, Ratio: 1.09, Count: 88}})
	bins := make([]uint32, 88)
	for i := range 20 {
		bins[20+i] = 5
	}
	second := int64(0)
	one := func() {
		x := tick(second, uint64(second%7/6), 1)
		x.Canary.Latency, x.Stable.Latency = bins, bins
		j.Tick(x)
		second++
	}
	if n := testing.AllocsPerRun(500, one); n > 2 { // the tick itself and its slices
		t.Errorf("a tick allocates %g times", n)
	}
}

// req: N-04 RB-01
func TestGrossFailuresAreSeenInTheFirstSecond(t *testing.T) {
	t.Parallel()
	j := New(Settings{})
	j.Tick(&Tick{
		Second: 0, Share: 0.05, Canary: Arm{Requests: 50, Errors: 40, Units: 40},
		Stable: Arm{Requests: 950, Errors: 2, Units: 2}, SliceUnits: &[Slices]uint32{},
	})
	if a := j.Answer(); a.State != Bad {
		t.Errorf("four fifths of fifty requests fail: %+v", a)
	}
	for i := range int64(100) { // it stays, whatever comes
		j.Tick(tick(1+i, 0, 5))
	}
	if a := j.Answer(); a.State != Bad {
		t.Errorf("it was taken back and is %s now", a.State)
	}
}

// req: N-04
func TestSilenceIsNeverAPass(t *testing.T) {
	t.Parallel()
	cases := map[string]func(i int64) *Tick{
		"no requests at all": func(i int64) *Tick { return &Tick{Second: i, Share: 0.05} },
		"none on the canary": func(i int64) *Tick {
			x := tick(i, 0, 1)
			x.Canary = Arm{}
			return x
		},
		"none on the stable version": func(i int64) *Tick {
			x := tick(i, 0, 0)
			x.Stable = Arm{}
			return x
		},
		"a share that is none": func(i int64) *Tick {
			x := tick(i, 0, 1)
			x.Share = math.NaN()
			return x
		},
		"the clock stands": func(int64) *Tick { return tick(7, 0, 1) },
	}
	for name, make := range cases {
		p := NewPilot(Settings{}, Route{Adaptive: true})
		for i := range int64(4000) {
			if m := p.Tick(make(i)); m.Action != HoldOn || m.Next > 0 {
				t.Errorf("%s: second %d: %+v", name, i, m)
				break
			}
		}
		for _, to := range []float64{0.1, 0.25, 0.5, 1} {
			if c := p.Judge().Climb(to); c.Cleared {
				t.Errorf("%s: %g is cleared", name, to)
			}
		}
	}
}

// req: N-04
func TestWhatComesAgainOrLateIsLeftOut(t *testing.T) {
	t.Parallel()
	once, twice := New(Settings{}), New(Settings{})
	for i := range int64(300) {
		x := tick(i, uint64(i%20/19), 1)
		once.Tick(x)
		twice.Tick(x)
		twice.Tick(x)
		twice.Tick(tick(i-5, 5, 0))
	}
	a, b := once.Answer(), twice.Answer()
	if b.Late != 600 {
		t.Errorf("%d ticks were late, want 600", b.Late)
	}
	b.Late = 0
	if a != b {
		t.Errorf("twice: %+v, once: %+v", b, a)
	}
}

// req: N-04
func TestClocksThatJumpPassNothing(t *testing.T) {
	t.Parallel()
	quiet := func() *Pilot { // everything is ruled out, and the bake is nearly over
		p := NewPilot(Settings{}, Route{Bake: 5 * time.Minute})
		for i := range int64(290) {
			if m := p.Tick(tick(i, 0, 1)); m.Next > 0 {
				t.Fatalf("second %d: %+v", i, m)
			}
		}
		return p
	}
	for name, test := range map[string]struct {
		at   func(i int64) int64
		want State
	}{
		"back by an hour":   {func(i int64) int64 { return i - 3600 }, Blind},
		"far ahead, once":   {func(i int64) int64 { return []int64{1 << 40, 290 + i}[min(i, 1)] }, Safe},
		"beyond all clocks": {func(i int64) int64 { return math.MaxInt64 - i }, Blind},
		"here and there":    {func(i int64) int64 { return 290 + (i%2+1)*100_000*i }, Blind},
	} {
		p := quiet()
		for i := range int64(100) {
			m := p.Tick(tick(test.at(i), 0, 1))
			if (m.Next > 0 || m.Action != HoldOn) && test.want == Blind {
				t.Errorf("%s: tick %d: %+v", name, i, m)
				break
			}
		}
		if a := p.Judge().Answer(); a.State != test.want || a.Late == 0 {
			t.Errorf("%s: %+v, want %s", name, a, test.want)
		}
	}
	// A gap is no time at a share: what was not seen did not bake.
	p := quiet()
	for i := range int64(9) {
		if m := p.Tick(tick(3000+i, 0, 1)); m.Next > 0 {
			t.Errorf("after a gap, %d s short of the bake: %+v", 10-i, m)
		}
	}
	// A clock that was really set ahead is believed from the second tick on.
	p = quiet()
	for i := range int64(20) {
		p.Tick(tick(1<<40+i, 0, 1))
	}
	if a := p.Judge().Answer(); a.State != Safe || a.Late != 1 {
		t.Errorf("set ahead: %+v", a)
	}
}

func TestNothingIsMissedOfAVersionThatGetsNobody(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0, 1} {
		j := New(Settings{})
		for i := range int64(600) {
			x := tick(i, 0, 1)
			if i >= 300 {
				if x.Share = share; share == 0 {
					x.Canary = Arm{}
				} else {
					x.Canary, x.Stable = x.Stable, Arm{}
				}
			}
			j.Tick(x)
		}
		if a := j.Answer(); a.State == Blind {
			t.Errorf("share %g: %+v", share, a)
		}
	}
}

// req: N-04 CD-17
func TestAWrongSplitHolds(t *testing.T) {
	t.Parallel()
	j := New(Settings{})
	for i := range int64(400) {
		x := tick(i, 0, 0)
		x.Canary.New, x.Stable.New = 0, 95
		if i%4 == 0 {
			x.Canary.New = 5 // a quarter of what is intended
		}
		j.Tick(x)
	}
	if j.Climb(0.1).Cleared || j.Report().ShareLogE < math.Log(1000) {
		t.Errorf("the split is off, and the evidence for that is e^%.1f", j.Report().ShareLogE)
	}
	fair := New(Settings{})
	for i := range int64(400) {
		x := tick(i, 0, 0)
		x.Canary.New, x.Stable.New = 5, 95
		fair.Tick(x)
	}
	if c := fair.Climb(0.1); !c.Cleared {
		t.Errorf("nothing failed in 2,000 requests and the split is right: %+v", c)
	}
}

// Few sticky visitors are never split as intended: twice the failures on twice the requests are no regression.
func TestAnUnevenSplitIsNotHeldAgainstTheCanary(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	wrong := 0
	for range 50 {
		j := New(Settings{})
		for i := range int64(1200) {
			x := tick(i, 0, 0)
			x.Canary.Requests, x.Stable.Requests = 10, 90
			for range 100 {
				if rng.Float64() < 0.02 {
					if rng.IntN(10) == 0 {
						x.Canary.Errors++
						x.Canary.Units++
					} else {
						x.Stable.Errors++
						x.Stable.Units++
					}
				}
			}
			j.Tick(x)
		}
		if j.Answer().State == Bad {
			wrong++
		}
	}
	if wrong > 1 {
		t.Errorf("%d of 50 canaries with twice their share were taken back", wrong)
	}
}

// Ten thousand to one that it is a little slower is no reason to go back, and no reason to overlook that it fails.
func TestWhatIsCertainButSmallHidesNothing(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 6))
	j := New(Settings{Bins: Bins{Low: 8, Ratio: 1.01, Count: 160}, ColdStart: -1})
	for i := range int64(900) {
		x := &Tick{Second: i, Share: 0.25}
		fails := 0.001
		if i >= 450 {
			fails = 0.003
		}
		draw := func(a *Arm, n uint64, fails float64, middle int) {
			a.Requests, a.Latency = n, make([]uint32, 160)
			for range n {
				a.Latency[min(max(middle+int(10*rng.NormFloat64()), 0), 159)]++
				if rng.Float64() < fails {
					a.Units++
					a.Errors++
				}
			}
		}
		draw(&x.Canary, 250, fails, 63) // 3 % slower
		draw(&x.Stable, 750, 0.001, 60)
		j.Tick(x)
		if a := j.Answer(); i == 449 && (a.State != Suspicious || a.Lead != "latency" || a.LogE < 100) {
			t.Errorf("3 %% slower: %+v", a)
		}
	}
	if a := j.Answer(); a.State != Bad || a.Lead != "errors" {
		t.Errorf("three times the failures beside it: %+v", a)
	}
}

func TestForecastSaysWhatCannotBeKnown(t *testing.T) {
	t.Parallel()
	low := Forecast(10, 0.001, 0.05, 3600e9, Settings{})
	if low.Effects[0].Within || !low.Known {
		t.Errorf("a doubled error rate of 0.1 %% can't be seen in an hour at 10 requests/s: %+v", low)
	}
	high := Forecast(1000, 0.01, 0.05, 3600e9, Settings{})
	if !high.Effects[0].Within || high.Effects[0].Seconds > 100 {
		t.Errorf("at 1,000 requests/s it can, soon: %+v", high.Effects[0])
	}
	for _, bad := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if o := Forecast(bad, 0.01, 0.05, 3600e9, Settings{}); o.Known {
			t.Errorf("a rate of %g: %s", bad, o.Sentence)
		}
	}
	t.Log(low.Sentence)
}

func FuzzTick(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, 0.05)
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 1}, math.NaN())
	f.Fuzz(func(t *testing.T, data []byte, share float64) {
		metrics := []Metric{{Name: "m", Kind: Mean}, {Name: "r", Kind: Rate, Higher: true}}
		j := New(Settings{Metrics: metrics, Slack: share, Alpha: share})
		next := func() uint64 {
			if len(data) == 0 {
				return 0
			}
			var b [8]byte
			data = data[copy(b[:], data):]
			return binary.LittleEndian.Uint64(b[:])
		}
		for i := 0; i < 40 && len(data) > 0; i++ {
			x := Tick{Second: int64(next()), Width: int64(next() % 100), Share: share}
			x.Canary = Arm{Requests: next(), Errors: next(), Units: next(), New: next()}
			x.Canary.Latency = []uint32{uint32(next()), 1, uint32(next())}
			x.Stable = Arm{Requests: next(), Errors: next(), Units: next(), Latency: make([]uint32, next()%400)}
			j.Tick(&x)
			c, s := Sums{N: next(), Bad: next(), Sum: share, SumSq: share}, Sums{N: next(), Bad: next()}
			j.Value(&Value{Metric: "m", Second: int64(next()), Canary: c, Stable: s})
			j.Value(&Value{Metric: "r", Second: int64(next()), Canary: c, Stable: s})
			r, a := j.Report(), j.Answer()
			for _, v := range []float64{r.LogE, r.MaxLogE, r.Sureness, r.Harm, r.Share, r.ShareLogE, a.LogE, r.HarmFloor} {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("not finite: %+v", r)
				}
			}
			for _, w := range j.errors.wealth {
				if !(w >= 0) {
					t.Fatalf("a wealth of %g", w)
				}
			}
		}
	})
}

func BenchmarkTick(b *testing.B) {
	j := New(Settings{})
	counts := make([]uint32, ProductBins().Count)
	for i := range 40 {
		counts[50+i] = 2
	}
	b.ReportAllocs()
	x := tick(0, 0, 1)
	x.Canary.Latency, x.Stable.Latency = counts, counts
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		x.Second++
		j.Tick(x)
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(spent)/float64(b.N), "cpu-ns/op") // what counts on a machine that others use as well
	b.ReportMetric(float64(weigh(reflect.ValueOf(j).Elem())), "state-B")
}
