package judge

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What is said to be missing for the next share is about what it takes: over releases that are as good as the stable
// version the median lies within a factor of two of what was foretold after a minute.
func TestWhatIsMissingIsAboutRight(t *testing.T) {
	t.Parallel()
	for _, w := range []struct{ share, fails float64 }{{0.05, 0.01}, {0.25, 0.01}, {0.05, 0.001}, {0.10, 0.005}} {
		var foretold, took []float64
		for seed := range uint64(40) {
			rng := rand.New(rand.NewPCG(seed, 3))
			j := New(Settings{Background: Background{
				Seconds: 7200, Requests: 720000, Failed: uint64(720000 * w.fails), Sliced: true, Mode: Calm,
			}})
			var c Climb
			for i := range int64(20000) {
				nc := uint64(100 * w.share)
				x := &Tick{Second: i, Share: w.share, SliceUnits: &[Slices]uint32{}}
				x.Canary = Arm{Requests: nc, Units: some(rng, nc, w.fails)}
				x.Stable = Arm{Requests: 100 - nc, Units: some(rng, 100-nc, w.fails)}
				x.SliceUnits[rng.IntN(Slices)] = uint32(x.Stable.Units)
				j.Tick(x)
				c = j.Climb(0.6) // beyond half: the last rung
				if i == 59 && c.Have < c.Need {
					foretold = append(foretold, float64(c.MoreSeconds))
				}
				if c.Have >= c.Need {
					if i > 59 {
						took = append(took, float64(i-59))
					}
					break
				}
			}
			if c.Have >= c.Need && c.MoreRequests != 0 {
				t.Fatalf("%d more requests are wanted of what is there: %+v", c.MoreRequests, c)
			}
		}
		slices.Sort(foretold)
		slices.Sort(took)
		if len(took) < 20 {
			t.Fatalf("share %g, %g fail: only %d of 40 got there", w.share, w.fails, len(took))
		}
		said, is := foretold[len(foretold)/2], took[len(took)/2]
		t.Logf("share %g, %g fail: %g s foretold, %g s on the median", w.share, w.fails, said, is)
		if said < is/2 || said > 2*is {
			t.Errorf("share %g, %g fail: %g s were foretold, it took %g s", w.share, w.fails, said, is)
		}
	}
}

// some counts how many of n fail.
func some(rng *rand.Rand, n uint64, p float64) uint64 {
	var k uint64
	for range n {
		if rng.Float64() < p {
			k++
		}
	}
	return k
}

func TestNothingIsForetoldOfNothing(t *testing.T) {
	t.Parallel()
	j := New(Settings{})
	if c := j.Climb(0.1); c.MoreRequests != 0 || c.MoreSeconds != 0 {
		t.Errorf("before the first tick: %+v", c)
	}
	j.Tick(&Tick{Second: 1, Share: 0.05})
	if c := j.Climb(0.1); c.MoreSeconds != 0 {
		t.Errorf("without a request: %+v", c)
	}
}
