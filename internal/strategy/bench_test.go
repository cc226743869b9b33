package strategy

import "testing"

// BenchmarkParse reads the longest good file of the corpus.
func BenchmarkParse(b *testing.B) {
	src := corpus(b, "good")["testdata/good/full.yaml"]
	for b.Loop() {
		if _, err := Parse("slipway.yaml", src); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReleasePlan makes the plan that each release is frozen with.
func BenchmarkReleasePlan(b *testing.B) {
	s := mustParse(b, least)
	for b.Loop() {
		if p := s.ReleasePlan(); len(p.Steps) == 0 {
			b.Fatal("no steps")
		}
	}
}
