package incident

import (
	"fmt"
	"time"
)

// Signs are what is known when an incident is classified.
type Signs struct {
	Environment string
	Down        bool    // the application answers nobody
	ErrorRate   float64 // fraction of production's requests that fail
	Requests    uint64  // that the rate is taken from; 0: nothing is known
	Security    bool    // a vulnerability was reported
	Critical    bool    // a person reported a critical problem
	Slow        bool    // answers took longer than the limit on response times
	Slower      bool    // answers took longer than before, within that limit
}

// Classify returns the severity and the written criterion that matched; the highest
// match wins. The bands of the error rate follow the decision on E-03: below 1 %
// SEV4, from 1 % below 10 % SEV3, from 10 % to 50 % SEV2, above 50 % SEV1. A limit on
// response times that was broken is SEV3: what users notice.
func Classify(s Signs) (Severity, string) {
	rate := fmt.Sprintf("%.1f %% of requests fail", 100*s.ErrorRate)
	switch {
	case s.Environment == "development" || s.Environment == "staging":
		return SEV4, "a problem in " + s.Environment + " is SEV4 by default"
	case s.Down:
		return SEV1, "the application is down for all users"
	case s.Requests > 0 && s.ErrorRate > 0.5:
		return SEV1, "error rate above 50 %: " + rate
	case s.Requests > 0 && s.ErrorRate >= 0.1:
		return SEV2, "error rate from 10 % to 50 %: " + rate
	case s.Critical:
		return SEV2, "a person reported that major functionality is down"
	case s.Requests > 0 && s.ErrorRate >= 0.01:
		return SEV3, "error rate from 1 % to 10 %: " + rate
	case s.Security:
		return SEV3, "a vulnerability without known exploitation"
	case s.Slow:
		return SEV3, "users notice that it is slow: the limit on response times was broken"
	case s.Slower:
		return SEV4, "it is slower than before, and keeps the limit on response times"
	case s.Requests == 0:
		return SEV4, "no user is known to be affected"
	}
	return SEV4, "error rate below 1 %: " + rate
}

// Target holds the times that a severity asks for.
type Target struct {
	Response time.Duration
	Update   time.Duration // 0: as needed
	Resolve  time.Duration
	Review   int // business days until the review; 0: optional
}

// Targets returns the times of a severity (IR-30 … IR-33, PI-01, E-02).
func Targets(s Severity) Target {
	switch s {
	case SEV1:
		return Target{15 * time.Minute, 30 * time.Minute, 4 * time.Hour, 1}
	case SEV2:
		return Target{30 * time.Minute, 2 * time.Hour, 8 * time.Hour, 3}
	case SEV3:
		return Target{2 * time.Hour, 4 * time.Hour, 24 * time.Hour, 5}
	}
	return Target{8 * time.Hour, 0, 5 * 24 * time.Hour, 0}
}
