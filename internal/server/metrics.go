package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
)

// metricOperations are for what applications measure themselves.
func (s *Server) metricOperations(h huma.API) {
	register(s, h, endpoint{
		ID: "list-metrics", Method: http.MethodGet, Path: "/metrics", Tag: "Metrics",
		Summary: "See where numbers come from", Permission: access.ViewEnvironment,
		About: "What arrives at this node, how late, and how much was dropped; and the custom metrics of the strategy.",
	}, func(ctx context.Context, who access.Actor, _ *none) (api.Metrics, error) {
		return s.Desk.Metrics(ctx, who)
	})
	register(s, h, endpoint{
		ID: "push-metrics", Method: http.MethodPost, Path: "/metrics", Tag: "Metrics", Summary: "Report custom metrics",
		About: "Single events (value) or sums (n). Kind, direction and role are the strategy's. What is older than two " +
			"minutes is refused: a verdict may rest on its time already. Sent again with the same source and sequence, or " +
			"the same Idempotency-Key, a batch counts once. Without room for all of a request none of it counts " +
			"(metrics_full): send it again. When nothing of a request counts it is an error, else the receipt " +
			"names what does not.",
		Permission: access.WriteMetric,
	}, func(ctx context.Context, who access.Actor, in *with[api.PushMetrics]) (api.MetricReceipt, error) {
		return s.Desk.PushMetrics(ctx, who, in.Body)
	})
}
