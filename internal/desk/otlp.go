package desk

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/intake"
	"github.com/slipwayhq/slipway/internal/metric/otlp"
)

// Telemetry is a body that an OpenTelemetry exporter sent.
type Telemetry struct {
	Traces bool // else metrics
	JSON   bool // else protobuf
	Body   []byte
}

// OTLPReady says whether somebody may send telemetry now, before the body is read: a denial, or a fault of kind
// Limited with the time to wait.
func (d *Desk) OTLPReady(ctx context.Context, who access.Actor) (time.Duration, error) {
	if err := d.check(ctx, who, access.WriteMetric, "production"); err != nil {
		return 0, err
	}
	if d.OTLP == nil || d.Spans == nil {
		return 0, fault.New(fault.Unavailable, "metrics_off", "This Slipway takes no telemetry.")
	}
	if wait := d.Spans.Busy(); wait > 0 {
		return wait, fault.New(fault.Limited, "metrics_full", "Too much is waiting to be kept. Send it again in %s.", wait)
	}
	return 0, nil
}

// TakeOTLP takes telemetry and says what of it does not count.
func (d *Desk) TakeOTLP(ctx context.Context, who access.Actor, in Telemetry) (otlp.Rejected, error) {
	if _, err := d.OTLPReady(ctx, who); err != nil {
		return otlp.Rejected{}, err
	}
	now, err := d.DB.Now(ctx)
	if err != nil {
		return otlp.Rejected{}, err
	}
	s := &sink{d: d, ctx: ctx, now: now, found: map[[2]string]found{}, into: d.Spans}
	read := d.OTLP.Metrics
	switch {
	case in.Traces && in.JSON:
		read = d.OTLP.TracesJSON
	case in.Traces:
		read = d.OTLP.Traces
	case in.JSON:
		read = d.OTLP.MetricsJSON
	}
	return read(now, in.Body, s)
}

// sink takes the buckets of one request.
type sink struct {
	d     *Desk
	ctx   context.Context //nolint:containedctx // it lives as long as the request
	now   time.Time
	found map[[2]string]found
	into  *intake.Intake
}

// mostVersions is how many versions one request may name.
const mostVersions = 100

type found struct {
	id  string
	err error
}

// Find returns the deployment that a resource names.
func (s *sink) Find(id, version string) (string, error) {
	key := [2]string{id, version}
	f, ok := s.found[key]
	switch {
	case ok:
	case len(s.found) >= mostVersions: // the store is not asked for each of a million
		f.err = fault.New(fault.Invalid, "deployment_unknown", "One request names more than %d versions.", mostVersions)
	default:
		dep, err := s.d.DeploymentOf(s.ctx, id, version)
		f = found{dep.ID, err}
		s.found[key] = f
	}
	if f.err != nil {
		s.into.Unknown(fmt.Sprintf("the deployment %.64q", cmp.Or(id, version)))
	}
	return f.id, f.err
}

// Put takes a bucket.
func (s *sink) Put(b metric.Bucket) error { return s.into.Bucket(s.now, b) }
