package main

import (
	"math"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/plot"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// app is the application of the pictures: 100 requests a second, of which one in a hundred fails.
func app() traffic.World { return traffic.World{Rate: 100, Errors: 0.01, P50: 80, P95: 217} }

func layout() judge.Bins { return judge.Bins{Low: 8, Ratio: 1.09, Count: 88} }

// at is a second of the pictures' day.
func at(second int64) time.Time {
	return time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC).Add(time.Duration(second) * time.Second)
}

func scenes() []file { return []file{wealth(), incident(), climb()} }

// course is what the judge had at each second of a canary at 5 %, until it took it back.
func course(f traffic.Fault, seed uint64, seconds int64) (points []plot.Point, back int64) {
	tr := traffic.New(app(), f, layout(), seed)
	j := judge.New(judge.Settings{Bins: layout(), Background: tr.History(3 * 3600)})
	var tick judge.Tick
	for s := range seconds {
		tr.Next(s, 0.05, &tick)
		j.Tick(&tick)
		a := j.Answer()
		if s%2 == 0 || a.State == judge.Bad {
			points = append(points, plot.Point{At: at(s), Value: coins(a.LogE)})
		}
		if a.State == judge.Bad {
			return points, s
		}
	}
	return points, 0
}

// coins is an e-value as the pictures show it: less than a tenth is a tenth.
func coins(logE float64) float64 { return max(math.Exp(min(logE, 12)), 0.1) }

// wealth is the picture of the bet: a healthy and a faulty canary.
func wealth() file {
	healthy, _ := course(traffic.Fault{}, 3, 600)
	faulty, back := course(traffic.Fault{Times: 2}, 4, 600)
	c := plot.Chart{
		ID: "wealth", Title: "What the bet against v2 is worth", Note: "in coins; it began with one", Unit: plot.Count,
		From: at(0), To: at(600), Log: true, Low: 0.1, High: 1000, Height: 260,
		Limits: []plot.Limit{{Value: 10, Label: "suspicious"}, {Value: 100, Label: "v2 goes back", Critical: true}},
		Series: []plot.Series{
			{Name: "healthy", Tone: plot.Stable, Points: healthy},
			{Name: "2× failures", Tone: plot.Canary, Points: faulty},
		},
	}
	if back > 0 {
		c.Events = []plot.Event{{At: at(back), Label: "taken back"}}
	}
	return sheet("judge-wealth.svg", c)
}

// The incident of the pictures: ten times as many failures on both versions.
const troubleFrom, troubleTo = 240, 420

// incident is the picture of a shared incident: what a fixed limit makes of it, and what the bet does.
func incident() file {
	calm := traffic.New(app(), traffic.Fault{}, layout(), 21)
	ill := app()
	ill.Errors = 0.10
	trouble := traffic.New(ill, traffic.Fault{}, layout(), 22)
	j := judge.New(judge.Settings{Bins: layout(), Background: calm.History(3 * 3600)})
	var tick judge.Tick
	var bet, canary, stable []plot.Point
	var n, k [2]float64
	above, broken := 0, int64(-1)
	for s := range int64(600) {
		from := calm
		if s >= troubleFrom && s < troubleTo {
			from = trouble
		}
		from.Next(s, 0.05, &tick)
		j.Tick(&tick)
		for i, a := range [2]judge.Arm{tick.Canary, tick.Stable} {
			n[i] += float64(a.Requests)
			k[i] += float64(a.Errors)
		}
		if s%15 != 14 {
			continue
		}
		bet = append(bet, plot.Point{At: at(s - 7), Value: coins(j.Answer().LogE)})
		canary = append(canary, plot.Point{At: at(s - 7), Value: k[0] / n[0]})
		stable = append(stable, plot.Point{At: at(s - 7), Value: k[1] / n[1]})
		if above++; k[0]/n[0] <= 0.05 {
			above = 0
		}
		if above == 4 && broken < 0 {
			broken = s
		}
		n, k = [2]float64{}, [2]float64{}
	}
	shade := []plot.Shade{{From: at(troubleFrom), To: at(troubleTo), Label: "the database is slow"}}
	rate := plot.Chart{
		ID: "rate", Title: "Failed requests", Note: "of both versions, by quarter minutes", Unit: plot.Fraction, From: at(0),
		To: at(600), Height: 190, Shades: shade, Limits: []plot.Limit{{Value: 0.05, Label: "limit", Critical: true}},
		Series: []plot.Series{
			{Name: "v1", Tone: plot.Stable, Points: stable}, {Name: "v2, 5 %", Tone: plot.Canary, Points: canary},
		},
	}
	if broken >= 0 {
		rate.Events = []plot.Event{{At: at(broken), Label: "a limit: v2 back"}}
	}
	return sheet("judge-incident.svg", rate, plot.Chart{
		ID: "bet", Title: "What the bet against v2 is worth", Note: "over the same minutes", Unit: plot.Count, From: at(0),
		To: at(600), Height: 190, Log: true, Low: 0.1, High: 1000, Shades: shade,
		Limits: []plot.Limit{{Value: 100, Label: "v2 goes back", Critical: true}},
		Series: []plot.Series{{Name: "Slipway", Tone: plot.Canary, Points: bet}},
	})
}

// climb is the picture of a share that evidence raises.
func climb() file {
	tr := traffic.New(app(), traffic.Fault{}, layout(), 8)
	p := judge.NewPilot(judge.Settings{Bins: layout(), Background: tr.History(3 * 3600)}, judge.Route{Adaptive: true})
	share, end := 0.05, int64(599)
	var tick judge.Tick
	var shares, ratio []plot.Point
	for s := range int64(600) {
		tr.Next(s, share, &tick)
		move := p.Tick(&tick)
		if s == 0 || move.Next > 0 && move.Next != share || move.Action == judge.Promote {
			if move.Action == judge.Promote {
				share = 1
			} else if move.Next > 0 {
				share = move.Next
			}
			shares = append(shares, plot.Point{At: at(s), Value: 100 * share})
		}
		if r := p.Judge().Report(); s%10 == 9 && r.Metrics[0].Ratio.Known && !r.Metrics[0].Ratio.Open && s >= 20 {
			x := r.Metrics[0].Ratio
			ratio = append(ratio, plot.Point{At: at(s), Value: max(x.Value, 0.1), Low: max(x.Low, 0.05), High: min(x.High, 30)})
		}
		if move.Action == judge.Promote {
			end = s
			break
		}
	}
	to := at(end + 20)
	return sheet("judge-climb.svg", plot.Chart{
		ID: "share", Title: "Visitors on v2", Note: "a healthy version, steps: adaptive", Unit: plot.Percent, From: at(0),
		To: to, Height: 150, High: 100, Series: []plot.Series{{Name: "share", Tone: plot.Canary, Step: true, Points: shares}},
	}, plot.Chart{
		ID: "ratio", Title: "How much more often v2 fails than v1", Note: "with what is not ruled out (95 %, at every look)",
		Unit: plot.Times, From: at(0), To: to, Height: 210, Log: true, Low: 0.2, High: 20,
		Limits: []plot.Limit{{Value: 10, Label: "10 % needs"}, {Value: 2, Label: "100 % needs"}},
		Series: []plot.Series{{Name: "v2 / v1", Tone: plot.Canary, Points: ratio}},
	})
}
