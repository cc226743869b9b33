package stream

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

func options() Options {
	return Options{Settings: judge.Settings{Alpha: 0.01, Bins: judge.Bins{Low: 8, Ratio: 1.09, Count: 88}}}
}

// line writes a tick as a pipeline would.
func line(x *judge.Tick, weight float64) string {
	arm := func(a judge.Arm) map[string]any {
		return map[string]any{
			"requests": a.Requests, "errors": a.Errors, "error_units": a.Units, "latency": a.Latency,
			"latency_count": a.Requests,
		}
	}
	b, _ := json.Marshal(map[string]any{ // numbers and their lists
		"t": x.Second, "weight": weight, "stable": arm(x.Stable), "canary": arm(x.Canary),
		"stable_slice_error_units": x.SliceUnits,
	})
	return string(b)
}

// steer runs a whole canary: each answer's weight is the next tick's.
func steer(t *testing.T, f traffic.Fault, o Options) (last Out, answers int) {
	t.Helper()
	tr := traffic.New(traffic.World{Rate: 100, Errors: 0.01}, f, o.Settings.Bins, 7)
	var x judge.Tick
	r := runner{o: o, history: judge.NewHistory(o.Settings.Bins)}
	weight := 0.05
	for second := int64(-600); second < 3600; second++ {
		w := weight
		if second < 0 {
			w = 0
		}
		tr.Next(second, w, &x)
		var out bytes.Buffer
		r.w = bufio.NewWriter(&out)
		if err := r.answer([]byte(line(&x, w))); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out.Bytes(), &last); err != nil {
			t.Fatalf("%q: %v", out.String(), err)
		}
		answers++
		if last.NextWeight > 0 {
			weight = last.NextWeight
		}
		if last.Action != judge.HoldOn {
			return last, answers
		}
	}
	return last, answers
}

// req: CD-05 CD-16
func TestAPipelineIsSteered(t *testing.T) {
	t.Parallel()
	o := options()
	o.Route = judge.Route{Adaptive: true}
	if last, n := steer(t, traffic.Fault{}, o); last.Action != judge.Promote || last.NextWeight != 1 || n > 600+900 {
		t.Errorf("a healthy version: %+v after %d ticks", last, n)
	}
	last, n := steer(t, traffic.Fault{Times: 10}, o)
	if last.Action != judge.RollBack || last.State != judge.Bad || n > 600+120 {
		t.Errorf("ten times the failures: %+v after %d ticks", last, n)
	}
	o.Route = judge.Route{Steps: []float64{0.05, 0.5}, Bake: 60e9}
	if last, n := steer(t, traffic.Fault{}, o); last.Action != judge.Promote || n < 600+120 {
		t.Errorf("fixed steps: %+v after %d ticks", last, n)
	}
}

func TestALineThatCannotBeReadIsAnsweredInItsPlace(t *testing.T) {
	t.Parallel()
	good := `{"t":0,"weight":0.05,"stable":{"requests":95,"errors":1},"canary":{"requests":5}}`
	for _, test := range []struct{ line, want string }{
		{`{`, "unexpected EOF"},
		{`{"t":1,"wieght":0.05}`, "wieght"},
		{`{"t":1,"weight":5}`, "from 0 to 1"},
		{`{"t":1,"weight":0.05,"stable":{"requests":-1}}`, "stable.requests must be a whole number from 0 on"},
		{`{"t":1,"canary":{"latency":[1,-1]}}`, "canary.latency must be counts"},
		{`{"t":1.5}`, "t must be a whole number"},
		{`[]`, "it is no object"},
		{`{"t":1,"weight":0.05,"stable":{"latency":[` + strings.Repeat("1,", 88) + `1]}}`, "89 counts"},
		{`{"t":1,"weight":0.05,"stable_slice_error_units":[1,2]}`, "not 20"},
	} {
		var out bytes.Buffer
		err := Run(strings.NewReader(good+"\n"+test.line+"\n\n"+good+"\n"), &out, options())
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if err == nil || len(lines) != 3 {
			t.Fatalf("%s: %v, %d answers", test.line, err, len(lines))
		}
		var r Refused
		err = json.Unmarshal([]byte(lines[1]), &r)
		if err != nil || !strings.Contains(r.Error, test.want) || r.Line != 2 || r.Remedy == "" {
			t.Errorf("%s: %s", test.line, lines[1])
		}
	}
}

// What a line says that can't all be is said of that line, and it is judged: an honest pipeline reads its counters one
// after the other.
func TestALineThatContradictsItselfSaysSo(t *testing.T) {
	t.Parallel()
	const good = `{"t":%d,"weight":0.05,"stable":{"requests":95,"errors":1,"error_units":1,"latency":[90,5],` +
		`"latency_count":95},"canary":{"requests":5,"errors":1,"error_units":1,"latency":[4,1],"latency_count":5}}`
	for _, test := range []struct{ old, new, want string }{
		{"", "", ""},
		{`,"latency":[4,1],"latency_count":5`, "", ""},           // none is measured
		{`,"latency_count":5}`, "}", ""},                         // the count may be left out
		{`[4,1],"latency_count":5`, `[1],"latency_count":1`, ""}, // not each request is measured
		{`"errors":1,"error_units":1,"latency":[4`, `"error_units":1,"latency":[4`, ""},
		{`"requests":5,"errors":1`, `"requests":5,"errors":9`, "canary has 9 errors of 5 requests"},
		{`"errors":1,"error_units":1,"latency":[9`, `"errors":1,"error_units":2,"latency":[9`,
			"stable has 2 error_units of 1"},
		{`"error_units":1,"latency":[4`, `"error_units":9,"latency":[4`, "canary has 9 error_units of 5 requests"},
		{`"latency_count":95`, `"latency_count":7`, "stable.latency_count is 7, its counts in latency come to 95"},
		{`[4,1],"latency_count":5`, `[4,5],"latency_count":9`, "canary has 9 durations of 5 requests"},
		{`"t":1,`, `"t":0,`, "t is 0, where 1 comes next"},
	} {
		second := fmt.Sprintf(good, 1)
		if test.old != "" {
			changed := strings.Replace(second, test.old, test.new, 1)
			if changed == second {
				t.Fatalf("%s is not in %s", test.old, second)
			}
			second = changed
		}
		var out bytes.Buffer
		if err := Run(strings.NewReader(fmt.Sprintf(good, 0)+"\n"+second+"\n"), &out, options()); err != nil {
			t.Fatal(err)
		}
		var first, told Out
		d := json.NewDecoder(&out)
		if err := errors.Join(d.Decode(&first), d.Decode(&told)); err != nil || first.Warning != "" || told.State == "" {
			t.Errorf("%s: %v, %+v, %+v", test.new, err, first, told)
		}
		if test.want == "" && told.Warning != "" || !strings.Contains(told.Warning, test.want) ||
			told.Warning != "" && !strings.HasPrefix(told.Warning, "line 2: ") {
			t.Errorf("%s: the answer warns of %q, want %q", test.new, told.Warning, test.want)
		}
	}
}

func TestParseBinsAndSteps(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "8", "8,1.09", "0,1.09,88", "8,1,88", "8,1.09,1", "8,1.09,100000", "a,b,c", "8,NaN,88",
	} {
		if b, err := ParseBins(bad); err == nil {
			t.Errorf("bins %q: %+v", bad, b)
		}
	}
	for _, bad := range []string{"", "adaptiv", "10,5", "5,5", "-1", "200", "100", "NaN"} {
		if r, err := ParseSteps(bad); err == nil {
			t.Errorf("steps %q: %+v", bad, r)
		}
	}
	if r, err := ParseSteps("5, 10,25,50,100"); err != nil || len(r.Steps) != 4 || r.Steps[3] != 0.5 {
		t.Errorf("%+v %v", r, err)
	}
}

func FuzzRun(f *testing.F) {
	f.Add(`{"t":0,"weight":0.05,"stable":{"requests":95,"errors":1,"latency":[1,2]},"canary":{"requests":5}}`)
	f.Add("{}\n{\"t\":9223372036854775807}\n{\"t\":-9223372036854775808,\"weight\":1}")
	f.Fuzz(func(t *testing.T, in string) {
		var out bytes.Buffer
		_ = Run(strings.NewReader(in), &out, options())
		for _, l := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			if l != "" && !json.Valid([]byte(l)) {
				t.Fatalf("not JSON: %q", l)
			}
		}
	})
}

func BenchmarkStream(b *testing.B) {
	tr := traffic.New(traffic.World{Rate: 100, Errors: 0.01}, traffic.Fault{}, options().Settings.Bins, 1)
	var x judge.Tick
	var in strings.Builder
	for second := range int64(1000) {
		tr.Next(second, 0.05, &x)
		fmt.Fprintln(&in, line(&x, 0.05))
	}
	for b.Loop() {
		if err := Run(strings.NewReader(in.String()), &bytes.Buffer{}, options()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "lines/s")
}

// A source that is read every fifteen seconds is no slower than its ticks: what passed between them counts.
func TestATickMayCoverMoreThanASecond(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	weight := 0.05
	last := Out{}
	r := runner{o: Options{Settings: judge.Settings{Bins: judge.ProductBins()}, Route: judge.Route{Adaptive: true}},
		history: judge.NewHistory(judge.ProductBins())}
	rose := map[float64]int64{}
	for at := int64(0); at < 1800 && last.Action == judge.HoldOn; at += 15 {
		c := uint64(1500 * weight)
		fmt.Fprintf(&in, `{"t":%d,"seconds":15,"weight":%g,"stable":{"requests":%d,"errors":%d,`+
			`"error_units":%d},"canary":{"requests":%d,"errors":%d,"error_units":%d}}`,
			at, weight, 1500-c, (1500-c)/50, (1500-c)/50, c, c/50, c/50)
		var out bytes.Buffer
		r.w = bufio.NewWriter(&out)
		if err := r.answer([]byte(in.String())); err != nil {
			t.Fatal(err)
		}
		in.Reset()
		last = Out{}
		if err := json.Unmarshal(out.Bytes(), &last); err != nil {
			t.Fatalf("%q: %v", out.String(), err)
		}
		if last.NextWeight > 0 && last.NextWeight != weight {
			weight = last.NextWeight
			rose[weight] = at + 15
		}
	}
	if last.Action != judge.Promote || rose[0.10] < 20 || rose[1] < rose[0.50]+120 || rose[1] > 900 {
		t.Errorf("%+v: it rose at %v", last, rose)
	}
	for _, wrong := range []string{`{"t":0,"seconds":-1}`, `{"t":0,"seconds":601}`} {
		var out bytes.Buffer
		err := Run(strings.NewReader(wrong), &out, options())
		if err == nil || !strings.Contains(out.String(), "covers 1 to 600") {
			t.Errorf("%s is answered %s", wrong, out.String())
		}
	}
}

// begin feeds lines to a new run and returns what judges them.
func begin(t *testing.T, lines ...string) *runner {
	t.Helper()
	o := options()
	r := &runner{o: o, history: judge.NewHistory(o.Settings.Bins), w: bufio.NewWriter(io.Discard)}
	for _, l := range lines {
		if err := r.answer([]byte(l)); err != nil || r.refused > 0 {
			t.Fatalf("%s: %v, %d refused", l, err, r.refused)
		}
	}
	return r
}

func TestWhoCountsNoVisitorsIsJudgedInBlocks(t *testing.T) {
	t.Parallel()
	units := `{"t":0,"weight":0.05,"stable":{"requests":95,"errors":9,"error_units":1},` +
		`"canary":{"requests":5,"error_units":0}}`
	r := begin(t, units)
	if a := r.pilot.Judge().Answer(); a.Mode != judge.Calm {
		t.Errorf("visitors are counted, without slices: %+v", a)
	}
	r = begin(t, strings.ReplaceAll(strings.ReplaceAll(units, `,"error_units":1`, ""), `,"error_units":0`, ""))
	if a := r.pilot.Judge().Answer(); a.Mode != judge.Linear {
		t.Errorf("only errors are known: %+v", a)
	}
}

// Ticks of ten seconds fill their time: what is seen of a share is ten seconds each, and nothing is a gap.
func TestTicksMayBeWide(t *testing.T) {
	t.Parallel()
	at := func(second int, more string) string {
		return fmt.Sprintf(`{"t":%d,"weight":0.05,"stable":{"requests":950,"errors":1,"error_units":1},`+
			`"canary":{"requests":50,"errors":0,"error_units":0}%s}`, second, more)
	}
	var kept, told, sparse []string
	for i := range 60 {
		kept = append(kept, at(10*i, ""))
		told = append(told, at(10*i, `,"seconds":10`))
		sparse = append(sparse, at(10*i+i%2, ""))
	}
	for _, test := range []struct {
		name  string
		lines []string
		least uint64
		most  uint64
	}{{"kept", kept, 0, 60}, {"told", told, 0, 0}, {"sparse", sparse, 500, 600}} {
		a := begin(t, test.lines...).pilot.Judge().Answer()
		if a.Late != 0 || a.Gaps < test.least || a.Gaps > test.most {
			t.Errorf("%s: %d seconds without a tick, %d late", test.name, a.Gaps, a.Late)
		}
	}
}

// req: N-04
func TestAStreamThatBreaksPromotesNothing(t *testing.T) {
	t.Parallel()
	good := `{"t":%d,"weight":0.05,"stable":{"requests":95,"errors":1,"error_units":1},` +
		`"canary":{"requests":5,"error_units":0}}`
	none := `{"t":%d,"weight":0.05,"stable":{"requests":0},"canary":{"requests":0}}`
	one := `{"t":%d,"weight":0.05,"stable":{"requests":95,"errors":1,"error_units":1},"canary":{"requests":0}}`
	empty := `{"t":%d}`
	for name, line := range map[string]func(i int) string{
		"nothing":          func(i int) string { return fmt.Sprintf(none, i) },
		"one side":         func(i int) string { return fmt.Sprintf(one, i) },
		"no share":         func(i int) string { return fmt.Sprintf(empty, i) },
		"the clock stands": func(int) string { return fmt.Sprintf(good, 7) },
		"again and again":  func(i int) string { return fmt.Sprintf(good, i%10) },
		"not JSON":         func(int) string { return "NaN" },
		"backwards":        func(i int) string { return fmt.Sprintf(good, 4000-i) },
	} {
		var in strings.Builder
		for i := range 4000 {
			fmt.Fprintln(&in, line(i))
		}
		for _, route := range []judge.Route{{Adaptive: true}, {}} {
			o := options()
			o.Route = route
			var out bytes.Buffer
			_ = Run(strings.NewReader(in.String()), &out, o)
			if n := strings.Count(out.String(), "\n"); n != 4000 {
				t.Fatalf("%s: %d answers", name, n)
			}
			if strings.Contains(out.String(), `"action":1`) || strings.Contains(out.String(), `"action":2`) ||
				strings.Contains(out.String(), `"next_weight":0.`) {
				t.Errorf("%s, adaptive %v: something was decided", name, route.Adaptive)
			}
		}
	}
}

// A second tick on a line would be lost in silence, and null is no tick.
func TestALineIsOneObject(t *testing.T) {
	t.Parallel()
	for _, line := range []string{`null`, `{"t":1,"weight":0.05} {"t":2}`, `{"t":1}]`, `{"t":1}x`} {
		var out strings.Builder
		err := Run(strings.NewReader(line), &out, Options{Settings: judge.Settings{Bins: judge.ProductBins()}})
		if err == nil || !strings.Contains(out.String(), `"error":`) {
			t.Errorf("%s is answered with %s", line, out.String())
		}
	}
}
