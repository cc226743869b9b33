package world

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// A trial in the room of an earlier one comes to the same as in one of its own.
func TestRoomIsUsedAgain(t *testing.T) {
	t.Parallel()
	room := new(Room)
	for seed, fault := range []traffic.Fault{{}, {Slower: 2}, {Times: 10}} {
		run := func(r *Room) Outcome {
			x := trial(t, short, traffic.World{Rate: 100, Errors: 0.01}, fault, uint64(seed))
			x.Room = r
			return Run(x)
		}
		if diff := cmp.Diff(run(nil), run(room)); diff != "" {
			t.Error(diff)
		}
		if len(room.slabs) == 0 || len(room.slabs) > 40 {
			t.Errorf("%d slabs", len(room.slabs))
		}
	}
}
