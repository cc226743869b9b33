package openfeature_test

import (
	"testing"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/slipwayhq/slipway/openfeature"
)

// BenchmarkProvider is what an evaluation costs without the SDK, BenchmarkSDK what it costs in all.
func BenchmarkProvider(b *testing.B) {
	s := serve(b)
	s.put(flags(1, "on"))
	p, err := openfeature.New(s.url(), key, openfeature.WithReports(0))
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Init(of.EvaluationContext{}); err != nil {
		b.Fatal(err)
	}
	defer p.Shutdown()
	user := of.FlattenedContext{of.TargetingKey: "ada", "plan": "pro", "country": "NL", "age": 36.0}
	b.ReportAllocs()
	for b.Loop() {
		if !p.BooleanEvaluation(b.Context(), "checkout", false, user).Value {
			b.Fatal("off")
		}
	}
}

func BenchmarkSDK(b *testing.B) {
	s := serve(b)
	s.put(flags(1, "on"))
	p, err := openfeature.New(s.url(), key, openfeature.WithReports(0))
	if err != nil {
		b.Fatal(err)
	}
	if err := of.SetProviderAndWait(p); err != nil {
		b.Fatal(err)
	}
	defer of.Shutdown()
	client := of.NewDefaultClient()
	user := of.NewEvaluationContext("ada", map[string]any{"plan": "pro", "country": "NL", "age": 36.0})
	b.ReportAllocs()
	for b.Loop() {
		if !client.Boolean(b.Context(), "checkout", false, user) {
			b.Fatal("off")
		}
	}
}
