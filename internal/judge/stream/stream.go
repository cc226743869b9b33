// Package stream lets any pipeline drive the judge: one JSON tick a line in, one JSON line out, strictly in turn.
//
// A tick says what both versions did in a second: {"t":12,"weight":0.05,"stable":{…},"canary":{…}}. T counts from
// the first visitor of the canary; ticks that cover more than a second say so; ticks with a negative t are history
// of the stable version, from which the judge learns how failures scatter. The answer says what to do with the
// share: see Out. A line that can't be read is answered with an error that names the place and the remedy, and the
// next one is judged as if it had not come.
package stream

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
)

// Arm is one version in a tick.
type Arm struct {
	Requests     uint64   `json:"requests"`
	Errors       uint64   `json:"errors"`
	ErrorUnits   *uint64  `json:"error_units"` // visitors with a failure; taken from errors where it is missing
	New          uint64   `json:"new"`         // visitors assigned for the first time
	Latency      []uint32 `json:"latency"`     // counts by bin
	LatencyCount *uint64  `json:"latency_count"`
}

// In is a line of input.
type In struct {
	T          int64    `json:"t"`
	Seconds    int64    `json:"seconds"` // that the tick covers from t on; where it is missing: as far as ticks are apart
	Weight     float64  `json:"weight"`
	Stable     Arm      `json:"stable"`
	Canary     Arm      `json:"canary"`
	SliceUnits []uint32 `json:"stable_slice_error_units"`
	SliceSlow  []uint32 `json:"stable_slice_slow"`
}

// Out is a line of output.
type Out struct {
	Action     judge.Action `json:"action"`      // 0 hold, 1 promote, 2 roll back
	NextWeight float64      `json:"next_weight"` // the share to go to; 0 keeps it, or takes it away with action 2
	Reason     string       `json:"reason"`
	E          float64      `json:"e"` // e-value of the evidence against the canary
	State      judge.State  `json:"state"`
	Warning    string       `json:"warning,omitempty"` // what the line says that can't all be; it was judged all the same
}

// Refused answers a line that can't be read.
type Refused struct {
	Error  string `json:"error"`
	Remedy string `json:"remedy"`
	Line   int    `json:"line"`
}

// Options say how to judge.
type Options struct {
	Settings judge.Settings
	Route    judge.Route
}

// longest is how many seconds a tick may cover: more says too little of what fell together.
const longest = 600

// regular is how many ticks in a row must have the same distance before each is taken to fill it.
const regular = 5

var errNoObject = errors.New("it is no object")

// maxLine bounds a line of input in bytes.
const maxLine = 1 << 20

// Run reads ticks until the input ends. It returns an error of kind Invalid, after everything was answered, when lines
// could not be read.
func Run(in io.Reader, out io.Writer, o Options) error {
	r := runner{o: o, w: bufio.NewWriter(out), history: judge.NewHistory(o.Settings.Bins)}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		r.line++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		r.came = true
		if err := r.answer(lines.Bytes()); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fault.New(fault.Invalid, "line_too_long", "line %d has more than %d bytes", r.line+1, maxLine)
	case err != nil:
		return fmt.Errorf("read ticks: %w", err)
	case r.refused > 0:
		return fault.New(fault.Invalid, "ticks_malformed",
			"%d of %d lines could not be read and were left out: the answer to each says why.", r.refused, r.line)
	case !r.came:
		return fault.New(fault.Invalid, "ticks_missing", "No tick came on standard input: nothing was judged.")
	}
	return nil
}

// Each reads a recording in the form of Run's input and calls f with its ticks, which are f's until it returns. The
// first line that can't be read ends it.
func Each(in io.Reader, bins judge.Bins, f func(*judge.Tick)) error {
	r := runner{o: Options{Settings: judge.Settings{Bins: bins}}}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		r.line++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := r.read(lines.Bytes()); err != nil {
			return fault.New(fault.Invalid, "recording_malformed",
				"Line %d of the recording: %s. A line is one JSON object as `slipway judge stream --help` shows it.", r.line, err)
		}
		f(&r.tick)
	}
	if err := lines.Err(); err != nil {
		return fault.Wrap(err, fault.Invalid, "recording_malformed", "Line %d of the recording cannot be read: %v.", r.line+1,
			err)
	}
	return nil
}

// runner is one run.
type runner struct {
	o       Options
	w       *bufio.Writer
	line    int
	refused int
	odd     string // what the line says that can't all be
	came    bool
	last    int64 // T of the last tick, how far it was from the one before, and how many were so in a row
	step    int64
	alike   int
	in      In
	history *judge.History
	pilot   *judge.Pilot
	tick    judge.Tick
	units   [judge.Slices]uint32
	slow    [judge.Slices]uint32
	buf     []byte
}

// read makes the tick of a line.
func (r *runner) read(line []byte) error {
	stable, canary := r.in.Stable.Latency[:0], r.in.Canary.Latency[:0]
	r.in = In{SliceUnits: r.in.SliceUnits[:0], SliceSlow: r.in.SliceSlow[:0]}
	r.in.Stable.Latency, r.in.Canary.Latency = stable, canary
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err := inWords(d.Decode(&r.in))
	if err == nil && !bytes.HasPrefix(bytes.TrimSpace(line), []byte("{")) {
		err = errNoObject
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is something behind the object")
		}
	}
	if err == nil {
		err = r.check()
	}
	if err == nil {
		r.fill()
	}
	return err
}

func (r *runner) answer(line []byte) error {
	if err := r.read(line); err != nil {
		r.refused++
		b, merr := json.Marshal(Refused{
			Error: fmt.Sprintf("line %d: %s", r.line, err), Line: r.line,
			Remedy: "A line is one JSON object as `slipway judge stream --help` shows it.",
		})
		if merr != nil {
			return fmt.Errorf("write answer: %w", merr)
		}
		return r.send(b)
	}
	r.odd = r.contradictions()
	return r.send(r.judge())
}

// check refuses what can't be meant.
func (r *runner) check() error {
	in := &r.in
	if !(in.Weight >= 0 && in.Weight <= 1) {
		return fmt.Errorf("weight is %g: it goes from 0 to 1", in.Weight)
	}
	if in.Seconds < 0 || in.Seconds > longest {
		return fmt.Errorf("seconds is %d: a tick covers 1 to %d seconds", in.Seconds, longest)
	}
	for name, n := range map[string]int{
		"stable.latency": len(in.Stable.Latency), "canary.latency": len(in.Canary.Latency),
	} {
		if n > r.o.Settings.Bins.Count {
			return fmt.Errorf("%s has %d counts, --bins says %d: give the layout that they were counted in",
				name, n, r.o.Settings.Bins.Count)
		}
	}
	for name, n := range map[string]int{
		"stable_slice_error_units": len(in.SliceUnits), "stable_slice_slow": len(in.SliceSlow),
	} {
		if n != 0 && n != judge.Slices {
			return fmt.Errorf("%s has %d counts, not %d", name, n, judge.Slices)
		}
	}
	return nil
}

// inWords says a value of the wrong kind in the words of the line, not of the program that reads it.
func inWords(err error) error {
	var kind *json.UnmarshalTypeError
	if !errors.As(err, &kind) {
		return err
	}
	if kind.Field == "" {
		return errNoObject
	}
	want := "a whole number from 0 on"
	switch kind.Type.Kind() {
	case reflect.Slice:
		want = "a list of counts"
	case reflect.Struct:
		want = "an object"
	case reflect.Float64:
		want = "a number"
	case reflect.Int64:
		want = "a whole number"
	case reflect.Uint32:
		want = "counts, whole numbers from 0 to 4294967295"
	}
	return fmt.Errorf("%s must be %s; this is %s", kind.Field, want, kind.Value)
}

// contradictions says what a line says that can't all be. Honest pipelines say such things now and then, because their
// counters are not read at one moment: so the line is judged, as far as its requests bear it out.
func (r *runner) contradictions() string {
	var odd []string
	say := func(format string, args ...any) { odd = append(odd, fmt.Sprintf(format, args...)) }
	for _, arm := range []struct {
		name string
		*Arm
	}{{"stable", &r.in.Stable}, {"canary", &r.in.Canary}} {
		if arm.Errors > arm.Requests {
			say("%s has %d errors of %d requests", arm.name, arm.Errors, arm.Requests)
		}
		switch {
		case arm.ErrorUnits == nil:
		case *arm.ErrorUnits > arm.Requests:
			say("%s has %d error_units of %d requests", arm.name, *arm.ErrorUnits, arm.Requests)
		case arm.Errors > 0 && *arm.ErrorUnits > arm.Errors:
			say("%s has %d error_units of %d errors", arm.name, *arm.ErrorUnits, arm.Errors)
		}
		sum := uint64(0)
		for _, n := range arm.Latency {
			sum += uint64(n)
		}
		if arm.LatencyCount != nil && len(arm.Latency) > 0 && *arm.LatencyCount != sum {
			say("%s.latency_count is %d, its counts in latency come to %d", arm.name, *arm.LatencyCount,
				sum)
		}
		if sum > arm.Requests {
			say("%s has %d durations of %d requests: each is counted in its own bin only", arm.name, sum, arm.Requests)
		}
	}
	if len(odd) == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: %s", r.line, strings.Join(odd, "; "))
}

// fill makes the judge's tick of the line.
func (r *runner) fill() {
	arm := func(a *Arm) judge.Arm {
		out := judge.Arm{Requests: a.Requests, Errors: a.Errors, Units: a.Errors, New: a.New}
		if a.ErrorUnits != nil {
			out.Units = *a.ErrorUnits
		}
		if len(a.Latency) > 0 {
			out.Latency = a.Latency
		}
		return out
	}
	r.tick = judge.Tick{
		Second: r.in.T, Width: r.width(), Share: r.in.Weight, Canary: arm(&r.in.Canary), Stable: arm(&r.in.Stable),
		Visitors: r.in.Canary.ErrorUnits != nil && r.in.Stable.ErrorUnits != nil,
	}
	if len(r.in.SliceUnits) == judge.Slices {
		copy(r.units[:], r.in.SliceUnits)
		r.tick.SliceUnits = &r.units
	}
	if len(r.in.SliceSlow) == judge.Slices {
		copy(r.slow[:], r.in.SliceSlow)
		r.tick.SliceSlow = &r.slow
	}
}

// width is how many seconds the tick holds: as it says, or, where it does not, the distance that the last ticks kept.
func (r *runner) width() int64 {
	step := r.in.T - r.last
	if step != r.step {
		r.alike = 0
	}
	r.alike++
	every := int64(1)
	if r.alike >= regular && step > 1 && step <= 60 {
		every = step
	}
	r.last, r.step = r.in.T, step
	if r.in.Seconds > 0 {
		return r.in.Seconds
	}
	return every
}

// judge answers the tick.
func (r *runner) judge() []byte {
	if r.in.T < 0 && r.pilot == nil {
		r.history.Add(&r.tick)
		return r.write(judge.Move{Reason: "History of the stable version."}, judge.Warming, 1)
	}
	if r.pilot == nil {
		s := r.o.Settings
		s.Background = r.history.Background()
		r.pilot = judge.NewPilot(s, r.o.Route)
	}
	if !r.tick.Visitors && r.in.Canary.Errors+r.in.Stable.Errors > 0 {
		r.pilot.Judge().Doubt()
	}
	late := r.pilot.Judge().Answer().Late
	m := r.pilot.Tick(&r.tick)
	a := r.pilot.Judge().Answer()
	if a.Late > late {
		const left = "line %d: t is %d, where %d comes next: it was left out, as is what comes again, late or far too early"
		r.odd = fmt.Sprintf(left, r.line, r.in.T, a.Second)
	}
	return r.write(m, a.State, math.Exp(a.LogE))
}

// write encodes an answer into the runner's buffer.
func (r *runner) write(m judge.Move, state judge.State, e float64) []byte {
	b := append(r.buf[:0], `{"action":`...)
	b = strconv.AppendInt(b, int64(m.Action), 10)
	b = append(b, `,"next_weight":`...)
	b = strconv.AppendFloat(b, m.Next, 'g', -1, 64)
	b = append(b, `,"reason":`...)
	b = strconv.AppendQuoteToASCII(b, m.Reason)
	b = append(b, `,"e":`...)
	b = strconv.AppendFloat(b, e, 'g', 6, 64)
	b = append(b, `,"state":`...)
	b = strconv.AppendQuoteToASCII(b, string(state))
	if r.odd != "" {
		b = append(b, `,"warning":`...)
		b = strconv.AppendQuoteToASCII(b, r.odd)
	}
	r.buf = append(b, '}')
	return r.buf
}

// send writes a line at once: whoever asks waits for it.
func (r *runner) send(line []byte) error {
	_, _ = r.w.Write(line) // a buffered writer reports at Flush
	_ = r.w.WriteByte('\n')
	if err := r.w.Flush(); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// ParseBins reads "LOW,RATIO,COUNT": the lower edge in milliseconds, the ratio of two edges, the number of bins.
func ParseBins(s string) (judge.Bins, error) {
	parts := strings.Split(s, ",")
	if len(parts) != 3 {
		return judge.Bins{}, fault.New(fault.Invalid, "bins_malformed", "--bins %q is not LOW,RATIO,COUNT, e.g. 8,1.09,88", s)
	}
	low, err1 := strconv.ParseFloat(parts[0], 64)
	ratio, err2 := strconv.ParseFloat(parts[1], 64)
	count, err3 := strconv.Atoi(parts[2])
	if errors.Join(err1, err2, err3) != nil || !(low > 0 && low < 1e6) || !(ratio > 1.001 && ratio <= 10) || count < 2 ||
		count > judge.MaxBins {
		return judge.Bins{}, fault.New(fault.Invalid, "bins_malformed",
			"--bins %q is not LOW,RATIO,COUNT: milliseconds above 0, a ratio above 1.001, 2 to %d bins", s, judge.MaxBins)
	}
	return judge.Bins{Low: low, Ratio: ratio, Count: count}, nil
}

// ParseWeights reads how the total is divided: "errors=0.7,latency=0.3". An empty text leaves it to the judge.
func ParseWeights(s string) (judge.Weights, error) {
	var w judge.Weights
	if s == "" {
		return w, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		name, number, _ := strings.Cut(strings.TrimSpace(part), "=")
		into, known := map[string]*float64{"errors": &w.Errors, "latency": &w.Latency}[name]
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || !known || *into != 0 || !(v > 0 && v <= 1e6) {
			return judge.Weights{}, fault.New(fault.Invalid, "weights_malformed",
				"--weights %q is not errors=NUMBER,latency=NUMBER with each once and above 0, e.g. errors=0.7,latency=0.3", s)
		}
		*into = v
	}
	if w.Errors == 0 || w.Latency == 0 {
		return judge.Weights{}, fault.New(fault.Invalid, "weights_malformed",
			"--weights %q leaves one out that may take a version back: write both, e.g. errors=0.7,latency=0.3", s)
	}
	return w, nil
}

// ParseSteps reads "adaptive" or ascending percents like "5,10,25,50".
func ParseSteps(s string) (judge.Route, error) {
	if s == "adaptive" {
		return judge.Route{Adaptive: true}, nil
	}
	var r judge.Route
	last := 0.0
	for part := range strings.SplitSeq(s, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || !(v > last) || v > 100 {
			return r, fault.New(fault.Invalid, "steps_malformed",
				"--steps %q is neither \"adaptive\" nor rising percents like 5,10,25,50", s)
		}
		last = v
		if v < 100 {
			r.Steps = append(r.Steps, v/100)
		}
	}
	if len(r.Steps) == 0 {
		return r, fault.New(fault.Invalid, "steps_malformed", "--steps %q has no step below 100", s)
	}
	return r, nil
}
