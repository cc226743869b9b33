package ruleform

import (
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// Ramp reads the steps of a ramp and how long it stays at each. What is left empty is the strategy's.
func Ramp(steps, bake string) (api.RampFlag, []Complaint) {
	var out api.RampFlag
	var bad []Complaint
	for _, word := range Lines(steps) {
		share, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(word, "%")), 64)
		if err != nil || !(share > 0 && share <= 100) {
			bad = append(bad, Complaint{Path: "steps", Message: "A step is a number of percent up to 100: 5, 25, 100."})
			break
		}
		out.Steps = append(out.Steps, share)
	}
	if bake != "" {
		d, err := time.ParseDuration(strings.ReplaceAll(bake, " ", ""))
		if err != nil || d < 0 {
			bad = append(bad, Complaint{Path: "bake", Message: "Write it like 90s, 10m or 2h."})
		}
		out.BakeSeconds = d.Seconds()
	}
	return out, bad
}

// Schedule reads what is to be done with a flag later, and when. Its time has no zone: it is the viewer's.
func Schedule(do, percent, at, release string, zone *time.Location) (api.ScheduleFlag, []Complaint) {
	out := api.ScheduleFlag{AfterRelease: release}
	var bad []Complaint
	switch on := do == "on"; do {
	case "on", "off":
		out.On = &on
	case "share":
		share, err := strconv.ParseFloat(percent, 64)
		if err != nil || !(share >= 0 && share <= 100) {
			bad = append(bad, Complaint{Path: "percent", Message: "A share is a number of percent between 0 and 100."})
		}
		out.Rollout = &api.RolloutFlag{Percent: share}
	default:
		bad = append(bad, Complaint{Path: "do", Message: "Say what is to be done then."})
	}
	if at != "" || release == "" {
		t, err := time.ParseInLocation("2006-01-02T15:04", at, zone)
		if err != nil {
			bad = append(bad, Complaint{Path: "at", Message: "Say when: a day and a time, or a release."})
		}
		out.At = &t
	}
	return out, bad
}
