package judge

import (
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// portableTick draws a tick by whole numbers only, so that it is the same on every machine.
func portableTick(r *rand.Rand, second int64, x *Tick) {
	x.Second, x.Share = second, []float64{0.05, 0.1, 0.25}[min(second/300, 2)]
	c, s := &x.Canary, &x.Stable
	c.Requests, s.Requests = 3+r.Uint64N(6)*uint64(1+second/300), 60+r.Uint64N(60)
	c.Units, s.Units = r.Uint64N(40)/38, r.Uint64N(9)/7
	fair := []uint64{1, 2, 5}[min(second/300, 2)] // of 20 new visitors
	c.Errors, s.Errors, c.New, s.New = c.Units, s.Units, r.Uint64N(1+2*fair), 20-fair
	clear(c.Latency)
	clear(s.Latency)
	*x.SliceUnits = [Slices]uint32{}
	x.SliceUnits[r.IntN(Slices)] = uint32(s.Units)
	for range c.Requests {
		c.Latency[30+r.IntN(20)+r.IntN(30)]++
	}
	for range s.Requests {
		s.Latency[30+r.IntN(20)+r.IntN(29)]++
	}
}

// The bits were read on one machine; every other one must find the same.
func TestEveryMachineFindsTheSameBits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode Mode
		want [5]uint64
	}{
		{Calm, [5]uint64{
			0xbfb34b5ef3695018, 0x4017114d6de76359, 0xc03d054409c30610, 0xbfe778b18898307b, 0x40070f23190d5c56,
		}},
		{Linear, [5]uint64{
			0x4016a152e55948a3, 0x402062ae675f0c3b, 0xbff83eb586a0fd2c, 0xbfe778b18898307b, 0x40070f23190d5c56,
		}},
	} {
		rng := rand.New(rand.NewPCG(1, 2))
		metrics := []Metric{{Name: "mean", Kind: Mean}, {Name: "rate", Kind: Rate, Higher: true}}
		b := Background{Seconds: 7200, Sliced: true, Mode: test.mode, Block: 15, Bursts: 4, BurstSeconds: 20}
		j := New(Settings{Background: b, Metrics: metrics})
		n := ProductBins().Count
		x := Tick{SliceUnits: &[Slices]uint32{}}
		x.Canary.Latency, x.Stable.Latency = make([]uint32, n), make([]uint32, n)
		for second := range int64(900) {
			portableTick(rng, second, &x)
			j.Tick(&x)
			c, s := 1+rng.Uint64N(9), 50+rng.Uint64N(9)
			cs := Sums{N: c, Bad: rng.Uint64N(c), Sum: float64(7 * c), SumSq: float64(50 * c)}
			ss := Sums{N: s, Bad: rng.Uint64N(s), Sum: float64(7 * s), SumSq: float64(51 * s)}
			for _, m := range metrics {
				j.Value(&Value{Metric: m.Name, Second: second, Share: x.Share, Canary: cs, Stable: ss})
			}
		}
		r := j.Report()
		got := [5]float64{r.LogE, r.MaxLogE, j.ruledOut(3), r.ShareLogE, r.Metrics[0].Ratio.High}
		for i, v := range got {
			if bits := math.Float64bits(v); bits != test.want[i] {
				t.Errorf("%s: number %d is %.17g, bits %#x, not %#x", test.mode, i, v, bits, test.want[i])
			}
		}
	}
}

// Where a processor multiplies and adds in one step the compiler makes use of it unless the product is converted, and
// the standard library's exponentials differ between processors: neither may be in what is judged by.
func TestNothingDependsOnTheProcessor(t *testing.T) {
	t.Parallel()
	library := regexp.MustCompile(`math\.(Exp|Exp2|Expm1|Log|Log1p|Log2|Log10|Pow|Erf|Erfc|Erfinv|Lgamma|Gamma|FMA)\(`)
	for _, dir := range []string{".", "num", "burst"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if m := library.Find(b); m != nil && !strings.HasSuffix(f, "_test.go") {
				t.Errorf("%s calls %s…): use the room num", f, m)
			}
		}
	}
	cmd := exec.Command("go", "build", "-gcflags=-S", ".", "./num", "./burst")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) < 100_000 {
		t.Fatalf("compile for arm64: %v, %d bytes of assembly", err, len(out))
	}
	fused := regexp.MustCompile(`\bFN?M(ADD|SUB)D?\b`)
	for line := range strings.SplitSeq(string(out), "\n") {
		if fused.MatchString(line) {
			t.Errorf("a product is added without rounding: %s", strings.TrimSpace(line))
		}
	}
}
