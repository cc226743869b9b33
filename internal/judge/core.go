package judge

import (
	"math"
	"time"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// Suspicion is the e-value from which the share may not rise.
const Suspicion = 10

// What a judgement rests on at least, and when it holds.
const (
	cleared     = 3       // e-value below which a suspicion is over: one failure less must not let the share rise
	fewestUnits = 3       // failed visitors of the canary
	fewestSlow  = 10      // or slow requests: beyond the pooled p90
	fewestSeen  = 50      // requests of the canary, before it is more than warming up
	fewestHere  = 30      // and at the present share, before it may rise
	blindAfter  = 60      // seconds
	farApart    = 3600    // seconds between two ticks from which one alone is not believed
	farthest    = 1 << 52 // seconds: no clock is there
	stepAtLeast = 20      // seconds at a share before it may rise
	lastAtLeast = 120     // likewise before the last rise
	lastNeed    = 60.0    // e-value that must rule a doubling out before everybody is sent
	// While the stable version itself fails so often nothing is bet on errors: visitors try again and again then, and
	// where their tries land is no evidence. It is decided by the seconds before, so the bets stay fair.
	stableBroken = 0.2
	relearn      = 300 // seconds between two looks at the placebo slices
	burstBlock   = 30  // seconds of a block at least where bursts are known
	unknownBlock = 15  // seconds of a block where nobody counts visitors
	unknownApart = 30  // seconds between two of them
)

// Judge compares a changed version with the stable one, tick by tick, and keeps a bounded state. Its bound: if the
// changed version is no worse than the tolerances, then the chance that the evidence ever reaches 1/Alpha, however
// often one looks, is at most Alpha, as far as failed visitors scatter as the Background says. What hits both
// versions cancels, because each tick is judged on where its failures fell and not on how many there were. It is not
// safe for concurrent use.
type Judge struct {
	s       Settings
	errors  errorEvidence
	lat     latencyEvidence
	custom  []*customEvidence
	history History
	pi      [3]float64 // weights of errors, ranks and slow tail

	started  bool
	next     int64 // first second that was not judged yet
	first    int64
	late     uint64  // ticks that came again, too late or far too early
	astray   float64 // seconds of them since the last tick that was judged
	ahead    int64   // where the last one that came far too early ended
	gaps     uint64  // seconds without a tick
	learned  int64   // when the slices were looked at last
	share    float64
	since    int64   // second from which the share holds
	here     float64 // seconds that were seen of it
	warm     int64   // second from which durations are judged
	silentC  float64 // seconds without requests
	silentS  float64
	measured bool // durations were ever measured
	staked   bool // durations have all that is bet on them

	stepC, stepN float64 // requests at this share: canary, both
	nearC, nearN float64 // the same, of the last seconds only
	rateK, rateN float64 // decayed failures and requests of the stable version
	rateE        float64 // and requests that failed
	nowK, nowN   float64 // the same over ten seconds
	tot          [2]armTotals
	harm         float64
	split        splitEvidence
	trouble      troubles

	logE, maxLogE float64
	suspected     bool // the evidence reached Suspicion, and has not fallen below cleared since
	bad           bool
	reason        string // the metric that it was taken back for
}

type armTotals struct{ requests, errors, units uint64 }

// Answer is where a judgement stands, without anything that would have to be allocated.
type Answer struct {
	State   State
	Mode    Mode
	LogE    float64 // natural logarithm of the e-value now
	MaxLogE float64
	Lead    string // metric that carries the total
	Units   uint64 // failed visitors of the canary
	Slow    uint64 // slow requests of the canary
	Second  int64  // first that was not judged yet
	Late    uint64 // ticks that came again, too late or far too early, left out
	Gaps    uint64 // seconds without a tick
}

// New begins a judgement.
func New(s Settings) *Judge {
	s = s.sane()
	j := &Judge{
		s: s, errors: newErrorEvidence(s), lat: newLatencyEvidence(s.Bins, s.WorseLatency, s.SlackLatency,
			s.Background),
		history: *NewHistory(s.Bins), share: math.NaN(), split: newSplit(),
	}
	if b := s.Background; b.Requests > 0 && b.Seconds > 0 { // as if the last ten minutes had been like all of it
		part := min(1, 600/float64(b.Seconds))
		j.rateK, j.rateN = float64(b.Failed)*part, float64(b.Requests)*part
	}
	j.weigh()
	j.setEnough()
	return j
}

// sane fills the defaults.
func (s Settings) sane() Settings {
	if !(s.Alpha > 0 && s.Alpha < 1) {
		s.Alpha = 0.01
	}
	s.Bins = s.Bins.sane()
	for _, d := range []struct {
		at *float64
		is float64
	}{{&s.WorseErrors, 0.05}, {&s.WorseLatency, 0.02}, {&s.WorthLatency, 0.05}, {&s.Slack, 0.002}} {
		if *d.at == 0 || math.IsNaN(*d.at) || math.IsInf(*d.at, 0) {
			*d.at = d.is
		}
		*d.at = min(*d.at, 1e3)
	}
	s.Weights = s.Weights.sane()
	s.Slack = min(max(s.Slack, 0), 0.5)
	if !(s.SlackLatency > 0 && s.SlackLatency <= 3.6e6) {
		s.SlackLatency = 0
	}
	if s.ColdStart == 0 {
		s.ColdStart = 75 * time.Second
	}
	s.ColdStart = max(s.ColdStart, 0)
	if s.Horizon <= 0 {
		s.Horizon = time.Hour
	}
	return s
}

// Tick judges one tick. Ticks come in order; one that begins before the last one ended is left out and counted, so
// that nothing counts twice, and so is one that is more than an hour ahead, until a second one agrees with it. T
// belongs to the caller and is not changed.
func (j *Judge) Tick(t *Tick) {
	width := tickWidth(t)
	if !j.takes(t.Second, width) {
		j.late++
		j.astray += width
		return
	}
	j.astray = 0
	j.next = t.Second + int64(width)
	canary, stable := t.Canary.sane(), t.Stable.sane()
	if !t.Visitors && t.SliceUnits == nil { // nobody counts visitors here
		canary.Units, stable.Units = max(canary.Units, canary.Errors), max(stable.Units, stable.Errors)
	}
	j.slices(t)
	j.silence(canary, stable, width)
	if canary.Latency != nil || stable.Latency != nil {
		j.measured = true
	}
	switch {
	case t.Share > 0 && t.Share < 1:
		j.moved(t)
		j.here += width
		j.judge(t.Second, width, canary, stable)
	case t.Share == 0 || t.Share == 1: // there is nothing to compare, and one of them has no visitors
		j.settle(t)
	}
	j.lat.learn(canary.Latency, stable.Latency, width)
	j.keepRate(stable, width)
	j.trouble.tick(t.Second, width, canary, stable)
}

// Doubt says that nobody counts visitors: one may fail again and again. From now on failures are bet on in blocks,
// which is fair for any dependence within one, and apart from each other.
func (j *Judge) Doubt() {
	if !j.errors.linear {
		b := &j.s.Background
		b.Mode, b.Block, b.Apart = Linear, unknownBlock, unknownApart
		j.errors.linear, j.errors.block, j.errors.apart = true, b.Block, b.Apart
	}
}

// takes says whether a tick comes when it may, and notes what is missing before it.
func (j *Judge) takes(second int64, width float64) bool {
	switch {
	case second > farthest || second < -farthest:
		return false
	case !j.started:
		j.started, j.first, j.learned, j.since = true, second, second, second
		return true
	case second < j.next:
		return false
	case second > j.next+farApart && (second < j.ahead || second > j.ahead+blindAfter):
		j.ahead = second + int64(width)
		return false
	}
	if second > j.next {
		j.gap(float64(second - j.next))
	}
	return true
}

// gap notes seconds that nobody reported.
func (j *Judge) gap(seconds float64) {
	j.gaps += uint64(seconds)
	j.silentC += seconds
	j.silentS += seconds
	j.errors.pass(min(seconds, 86400))
}

// silence counts how long each version had no requests.
func (j *Judge) silence(c, s Arm, width float64) {
	j.silentC += width
	j.silentS += width
	if c.Requests > 0 {
		j.silentC = 0
	}
	if s.Requests > 0 {
		j.silentS = 0
	}
}

// slices goes on learning from the stable version's placebo slices. During a comparison it only becomes more careful.
func (j *Judge) slices(t *Tick) {
	if t.SliceUnits == nil {
		return
	}
	h := Tick{Second: t.Second, Width: t.Width, SliceUnits: t.SliceUnits}
	j.history.Add(&h)
	if t.Second-j.learned < relearn {
		return
	}
	j.learned = t.Second
	now, before := j.history.Background(), j.s.Background
	sum := before
	sum.Sliced = true
	if !before.Sliced {
		sum.Seconds, sum.Bursts, sum.BurstSeconds = 0, 0, 0
	}
	if all := sum.Bursts + now.Bursts; all > 0 {
		seconds := float64(sum.BurstSeconds*float64(sum.Bursts)) + float64(now.BurstSeconds*float64(now.Bursts))
		sum.BurstSeconds = seconds / float64(all)
	}
	sum.Seconds += now.Seconds
	sum.Bursts += now.Bursts
	if now.Mode == Linear && j.s.Background.Mode != Linear {
		sum.Mode, sum.Block = Linear, now.Block
	}
	j.errors.learn(sum)
	if sum.Mode == Linear && before.Mode != Linear {
		j.s.Background.Mode, j.s.Background.Block = Linear, sum.Block
	}
}

// moved notes a change of the share.
func (j *Judge) moved(t *Tick) {
	if t.Share == j.share {
		return
	}
	if !(t.Share <= j.share) { // a rise, or the first share
		j.warm = t.Second + int64(j.s.ColdStart/time.Second)
	}
	j.settle(t)
}

// settle begins anew what belongs to one share only.
func (j *Judge) settle(t *Tick) {
	if t.Share == j.share {
		return
	}
	j.share, j.since, j.here, j.stepC, j.stepN = t.Share, t.Second, 0, 0, 0
	j.lat.changed()
}

// judge renews the evidence with one tick.
func (j *Judge) judge(second int64, width float64, c, s Arm) {
	nc, n := float64(c.Requests), float64(c.Requests+s.Requests)
	j.stepC += nc
	j.stepN += n
	fade := num.Exp(-width / 8)
	j.nearC, j.nearN = float64(j.nearC*fade)+nc, float64(j.nearN*fade)+n
	for i, a := range [2]Arm{c, s} {
		j.tot[i].requests += a.Requests
		j.tot[i].errors += a.Errors
		j.tot[i].units += a.Units
	}
	j.split.add(float64(c.New), float64(c.New+s.New), j.share)
	ps := j.stableRate()
	v, off := j.realShare()
	if j.s.WorseErrors >= 0 && j.nowN >= 20 && j.nowK > stableBroken*j.nowN {
		j.errors.pass(width)
	} else if j.s.WorseErrors >= 0 {
		told := c.Units
		if j.s.Shared {
			told = max(told, c.Errors)
		}
		j.errors.tick(second, width, v, off, float64(c.Units), float64(c.Units+s.Units), float64(told), nc, n, ps,
			j.stableAtMost())
		j.harm += float64(c.Units) - float64(nc*ps)
	}
	if j.s.WorseLatency >= 0 && second >= j.warm {
		if !j.staked && j.lat.ready && len(c.Latency) > 0 && len(s.Latency) > 0 {
			j.stakeDurations()
		}
		j.lat.tick(second, width, c.Latency, s.Latency)
	}
	j.combine()
}

// realShare is the share that is bet with: the intended one, unless the requests say beyond chance that the canary
// gets more, at this share or in the last seconds. Forty sticky visitors of whom four instead of two are on the
// canary are no regression, nor are sessions that follow a lowered share with a delay: with more than its share a
// version has more failures. Off says that the share is not what was intended, in either direction.
func (j *Judge) realShare() (v float64, off bool) {
	v = j.share
	errors := 5.0 // of the standard kind; gross faults are seen in the first seconds, and chance must not hide them
	if j.stepN > 2000 {
		errors = 3.5
	}
	for _, look := range [2][3]float64{{j.stepC, j.stepN, errors}, {j.nearC, j.nearN, 4}} {
		c, n := look[0], look[1]
		mean := float64(n * j.share)
		far := float64(look[2]*math.Sqrt(mean*(1-j.share))) + 1
		if n < 50 || c <= mean+far && c >= mean-far {
			continue
		}
		off = true
		if seen := c / n; seen > v { // in steps, so that the tables are seldom made anew
			v = max(v, float64(j.share*num.Pow(1.02, math.Ceil(num.Log(seen/j.share)/num.Log(1.02)))))
		}
	}
	return min(v, max(0.999, j.share)), off
}

// stableRate is the stable version's rate of failed visitors before this tick.
func (j *Judge) stableRate() float64 {
	if j.rateN == 0 {
		return 0
	}
	return j.rateK / j.rateN
}

// stableAtMost is about the largest rate that the stable version's failures so far allow: where none was seen, three
// might have been.
func (j *Judge) stableAtMost() float64 {
	k := j.rateK
	if j.s.Shared { // the slack is one of requests
		k = max(k, j.rateE)
	}
	return min((k+3)/max(j.rateN, 1), 1)
}

func (j *Judge) keepRate(s Arm, width float64) {
	keep := num.Exp(-width / 600)
	j.rateK = float64(j.rateK*keep) + float64(s.Units)
	j.rateN = float64(j.rateN*keep) + float64(s.Requests)
	j.rateE = float64(j.rateE*keep) + float64(s.Errors)
	keep = num.Exp(-width / 10)
	j.nowK = float64(j.nowK*keep) + float64(s.Units)
	j.nowN = float64(j.nowN*keep) + float64(s.Requests)
}

// Value judges one span of a custom metric. One that is not in the settings is left out, and so is one that begins
// before the last one ended.
func (j *Judge) Value(v *Value) {
	for _, c := range j.custom {
		if c.m.Name == v.Metric {
			c.value(v, v.Second >= j.warm)
			j.combine()
			return
		}
	}
}

// combine renews the total: the weighted mean of the e-values.
func (j *Judge) combine() {
	_, l := j.lead(false)
	if math.IsInf(l, -1) {
		l = 0
	}
	j.logE = bounded(l)
	j.maxLogE = max(j.maxLogE, j.logE)
	j.suspected = j.logE >= num.Log(Suspicion) || j.suspected && j.logE >= num.Log(cleared)
	if limit := -num.Log(j.s.Alpha); !j.bad && j.logE >= limit {
		if name, large := j.lead(true); large >= limit {
			j.bad, j.reason = true, name
		}
	}
}

// worthwhile says whether a metric's difference is large enough to go back for, beside being certain.
func (j *Judge) worthwhile(metric int) bool {
	switch metric {
	case 0:
		return j.tot[0].units >= fewestUnits
	case 1, 2:
		return j.lat.slow >= fewestSlow && j.lat.slower(j.s.WorthLatency)
	}
	return j.custom[metric-3].sums[0].N >= fewestSeen
}

// lead is the metric that carries the total, and the logarithm of the sum. With large it is asked of the worthwhile
// ones only: a difference that is certain but too small to go back for must not hide another one.
func (j *Judge) lead(large bool) (name string, total float64) {
	best, total := math.Inf(-1), math.Inf(-1)
	name = "errors"
	add := func(i int, as string, l float64) {
		if large && !j.worthwhile(i) {
			return
		}
		if total = num.LogAdd(total, l); l > best {
			best, name = l, as
		}
	}
	for i, x := range [3]float64{j.errors.logE, j.lat.rankLog, j.lat.slowLog} {
		if j.pi[i] > 0 {
			add(i, [3]string{"errors", "latency", "slow"}[i], num.Log(j.pi[i])+x)
		}
	}
	for i, c := range j.custom {
		if c.weight > 0 {
			add(3+i, c.m.Name, num.Log(c.weight)+c.logE)
		}
	}
	return name, total
}

// leads is the name of the metric that carries the total: when it was taken back, then.
func (j *Judge) leads() string {
	if j.bad {
		return j.reason
	}
	name, _ := j.lead(false)
	return name
}

// Answer says where the judgement stands.
func (j *Judge) Answer() Answer {
	return Answer{
		State: j.state(), Mode: j.mode(), LogE: j.logE, MaxLogE: j.maxLogE, Lead: j.leads(), Units: j.tot[0].units,
		Slow: j.lat.slow, Second: j.next, Late: j.late, Gaps: j.gaps,
	}
}

func (j *Judge) mode() Mode {
	switch {
	case j.errors.linear:
		return Linear
	case j.s.Background.Bursts > 0 || j.history.failing.bursts > 0:
		return Bursty
	}
	return Calm
}

// Background is what is known of the placebo slices now.
func (j *Judge) Background() Background { return j.s.Background }

// sane bounds what a hostile source may claim: no more failures than requests, no count that could overflow a sum.
func (a Arm) sane() Arm {
	const most = 1 << 40
	a.Requests = min(a.Requests, most)
	a.Errors = min(a.Errors, a.Requests)
	a.Units = min(a.Units, a.Requests)
	a.New = min(a.New, most)
	return a
}
