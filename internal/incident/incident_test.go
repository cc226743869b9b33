package incident

import "testing"

// req: IR-01 IR-07 IR-14 IR-21 IR-26
func TestClassifyAtTheBands(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		signs Signs
		want  Severity
	}{
		{"above 50 %", Signs{ErrorRate: 0.501, Requests: 1000}, SEV1},
		{"exactly 50 %", Signs{ErrorRate: 0.5, Requests: 1000}, SEV2},
		{"exactly 10 %", Signs{ErrorRate: 0.1, Requests: 1000}, SEV2},
		{"just below 10 %", Signs{ErrorRate: 0.0999, Requests: 1000}, SEV3},
		{"exactly 1 %", Signs{ErrorRate: 0.01, Requests: 1000}, SEV3},
		{"below 1 %", Signs{ErrorRate: 0.0099, Requests: 1000}, SEV4},
		{"critical by a person", Signs{Critical: true}, SEV2},
		{"critical and half the requests fail", Signs{Critical: true, ErrorRate: 0.6, Requests: 10}, SEV1},
		{"vulnerability", Signs{Security: true}, SEV3},
		{"nothing known", Signs{}, SEV4},
		{"a rate without requests is no rate", Signs{ErrorRate: 0.9}, SEV4},
		{"staging is down", Signs{Environment: "staging", ErrorRate: 1, Requests: 1000}, SEV4},
	}
	for _, tt := range tests {
		got, why := Classify(tt.signs)
		if got != tt.want || why == "" {
			t.Errorf("%s: %s (%s), want %s", tt.name, got, why, tt.want)
		}
	}
}
