package incident

import "fmt"

// Signs are what is known when an incident is classified.
type Signs struct {
	Environment string
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

// ReviewWithin returns by how many business days after it was resolved an incident of a severity is to be reviewed; 0
// where that is optional (PI-01, E-02).
func ReviewWithin(s Severity) int {
	switch s {
	case SEV1:
		return 1
	case SEV2:
		return 3
	case SEV3:
		return 5
	}
	return 0
}
