package drain_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/drain"
)

const (
	hour   = 3600
	begin  = 1_800_000_000
	broken = 1800 // second from which the canary fails
)

// recorded is one delivery.
type recorded struct {
	at   int64
	body []byte
}

// recordHour makes an hour of a drain: 20 requests a second of which a tenth goes to the canary, each with two lines,
// up to 20 s late, every tenth delivery twice. From half of the hour on the canary fails often.
func recordHour(rng *rand.Rand) [][]recorded {
	out := make([][]recorded, hour+60)
	n := 0
	for s := range int64(hour) {
		parts := map[int64][]byte{}
		for range 20 {
			n++
			deployment, fails := "dpl_1", 0.01
			if rng.IntN(10) == 0 {
				if deployment = "dpl_2"; s >= broken {
					fails = 0.12
				}
			}
			status := 200
			if rng.Float64() < fails {
				status = 500
			}
			ms := (begin+s)*1000 + rng.Int64N(1000)
			final := fmt.Sprintf(`{"timestamp":%d,"statusCode":%d,"path":"/cart","clientIp":"10.0.%d.1","userAgent":["x"]}`,
				ms, status, n*7919%250)
			for line, proxy := range []string{final, "null"} {
				late := min(rng.Int64N(5)*rng.Int64N(6), 20)
				parts[late] = fmt.Appendf(parts[late], `{"id":"%d-%d","requestId":"r%d","deploymentId":"%s",`+
					`"timestamp":%d,"source":"lambda","path":"/cart","statusCode":%d,"proxy":%s}`+"\n",
					n, line, n, deployment, ms, status, proxy)
			}
		}
		for late, body := range parts {
			out[s+late] = append(out[s+late], recorded{s + late, body})
			if rng.IntN(10) == 0 {
				out[s+late+10] = append(out[s+late+10], recorded{s + late + 10, body})
			}
		}
	}
	return out
}

// played is what the guard says of a recorded hour, minute by minute.
func played(t *testing.T, record [][]recorded, shuffle *rand.Rand) []guard.Verdict {
	t.Helper()
	same := func(_ context.Context, e string) (string, error) { return e, nil }
	d := drain.New(drain.Options{Source: "drain-1", Find: same})
	tl := metric.NewTimeline(2*time.Hour, 15*time.Second)
	rules := guard.DefaultRules()
	rules.Source, rules.LatencyP95, rules.Health = metric.Drain, guard.Limits{}, guard.HealthRule{}
	since := time.Unix(begin, 0)
	var said []guard.Verdict
	for s := range int64(hour) {
		now := time.Unix(begin+s, 0)
		for _, x := range record[s] {
			if shuffle != nil {
				lines := bytes.SplitAfter(bytes.TrimSpace(x.body), []byte("\n"))
				lines[len(lines)-1] = append(bytes.Clone(lines[len(lines)-1]), '\n')
				shuffle.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
				x.body = bytes.Join(lines, nil)
			}
			if err := d.Take(t.Context(), now, x.body); err != nil {
				t.Fatal(err)
			}
		}
		if b, ok := d.Collect(now); ok {
			tl.Add(now, b)
		}
		if s%60 != 59 {
			continue
		}
		of := tl.Of(metric.Drain)
		end := of.Watermark(now)
		said = append(said, guard.Evaluate(rules, guard.Evidence{
			Now: now, Complete: end, Since: since, ShareSince: since, Share: 10, Version: "v2", StableVersion: "v1",
			Shares: []guard.ShareChange{{At: since, Share: 10}}, Width: of.Grid(begin, end, "dpl_1", "dpl_2"),
			Stable: of.Seconds("dpl_1", begin, end, metric.Compared()...),
			Canary: of.Seconds("dpl_2", begin, end, metric.Compared()...),
		}))
	}
	if c := d.Counters(); c.Requests < 20*hour-20*30 || c.Late > 0 {
		t.Errorf("counted %+v", c)
	}
	return said
}

// A recorded hour gives the same verdicts whenever it is replayed, in whatever order the lines of a delivery stand.
// The canary that fails is found from the records alone.
//
// req: N-04 CD-03
func TestAReplayedHourGivesTheSameVerdicts(t *testing.T) {
	t.Parallel()
	record := recordHour(rand.New(rand.NewPCG(5, 5)))
	want := played(t, record, nil)
	for name, shuffle := range map[string]*rand.Rand{"again": nil, "shuffled": rand.New(rand.NewPCG(6, 6))} {
		if diff := cmp.Diff(want, played(t, record, shuffle)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	found := 0
	for minute, v := range want {
		switch {
		case minute <= broken/60 && v.Action == guard.Undo:
			t.Fatalf("minute %d: a healthy version is taken back: %s", minute, v.Sentence)
		case minute > 10 && minute <= broken/60 && v.Word != guard.BetterOrEqual:
			t.Errorf("minute %d: %s %s", minute, v.Word, v.Sentence)
		case v.Action == guard.Undo && found == 0:
			found = minute
			t.Logf("minute %d: %s", minute, v.Sentence)
		}
	}
	if found == 0 || found > broken/60+6 {
		t.Errorf("it was found in minute %d, of a fault in minute %d", found, broken/60)
	}
	if last := want[len(want)-1]; last.Behind < 29*time.Second || last.Behind > 40*time.Second {
		t.Errorf("it is %s behind", last.Behind)
	}
}
