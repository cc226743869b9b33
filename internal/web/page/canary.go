package page

import "github.com/slipwayhq/slipway/api"

// exposureLine says who has seen the new version and what it cost them so far.
func exposureLine(c api.Canary) string {
	s := count(c.Exposed) + " visitors have been on it"
	if c.HarmExtra >= 0.5 {
		return s + "; about " + plural(int(c.HarmExtra+0.5), "request") + " failed that would not have failed on the stable version."
	}
	return s + "; no request failed beyond the stable version’s rate."
}
