package providertest

import "testing"

func TestFakeKeepsTheContract(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) World {
		f := &Fake{}
		return World{Provider: f, Serves: f.Serves, Changes: f.Changes, Late: f.Late, Silence: f.Silence}
	})
}
