package checklist

import "testing"

// req: CK-20 CK-23
func TestOpenNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	ninety, seventy := 90.0, 70.0
	item := Item{Name: "unit", Title: "Unit tests pass", Coverage: 80}
	tests := []struct {
		name string
		r    *Result
		want string
	}{
		{"nothing", nil, "Unit tests pass: nothing reported yet"},
		{"running", &Result{Status: Running}, "Unit tests pass: still running"},
		{"failed", &Result{Status: Failed, Summary: "3 of 90"}, "Unit tests pass: failed (3 of 90)"},
		{"other commit", &Result{Status: Passed, Commit: "0123456789", Coverage: &ninety},
			"Unit tests pass: reported for commit 0123456, not for this one"},
		{"no coverage", &Result{Status: Passed, Commit: "abc"},
			"Unit tests pass: coverage of at least 80 % is asked for, none was reported"},
		{"low coverage", &Result{Status: Passed, Coverage: &seventy},
			"Unit tests pass: coverage is 70 %, at least 80 % is asked for"},
		{"not applicable without reason", &Result{Status: NotApplicable},
			"Unit tests pass: not applicable, but no reason was given"},
		{"not applicable", &Result{Status: NotApplicable, Summary: "docs only"}, ""},
		{"passed", &Result{Status: Passed, Commit: "abc", Coverage: &ninety}, ""},
		{"a status that there is not", &Result{Status: "Passed!", Coverage: &ninety},
			"Unit tests pass: \"Passed!\" is no status"},
	}
	for _, tt := range tests {
		if got := item.Open(tt.r, "abc"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
