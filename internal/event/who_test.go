package event

import "testing"

// People read an actor in one way, and may ask for it by that.
func TestAnActorIsWrittenInOneWay(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"user:ada": "ada", "token:ada/ci": "ada (token ci)", "token:ci": "token ci", "system:guard": "Slipway's guard",
		"workload:deploys": "deploys (workload)", "": "",
	} {
		if got := Who(raw); got != want {
			t.Errorf("%s is written %q, want %q", raw, got, want)
		}
		if got := ActorOf(want); got != raw {
			t.Errorf("%q is %q, want %q", want, got, raw)
		}
		if got := ActorOf(raw); got != raw {
			t.Errorf("%q stays %q", raw, got)
		}
	}
	if got := Who("Ada Lovelace"); got != "Ada Lovelace" {
		t.Errorf("a name is none of them: %q", got)
	}
}
