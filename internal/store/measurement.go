package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
)

const (
	sqlInsertBatch = `INSERT INTO batches (source, sequence, received, complete, body) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (source, sequence) DO NOTHING`
	sqlBatches = `SELECT source, sequence, received, complete, body FROM batches WHERE received >= $1
		ORDER BY received, source, sequence LIMIT $2`
	sqlPruneBatches = `DELETE FROM batches WHERE received < $1`

	sqlPutSample = `INSERT INTO samples (app, deployment, class, second, span, doc) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (app, deployment, second, span, class) DO UPDATE SET doc = excluded.doc`
	sqlOldestSample = `SELECT COALESCE(MIN(second), 0) FROM samples WHERE span = $1`
	sqlSamplesIn    = `SELECT app, deployment, class, second, span, doc FROM samples
		WHERE span = $1 AND second >= $2 AND second < $3 ORDER BY app, deployment, class, second`
	sqlSample = `SELECT app, deployment, class, second, span, doc FROM samples
		WHERE app = $1 AND deployment = $2 AND second = $3 AND span = $4 AND class = $5`
	sqlPruneSamples = `DELETE FROM samples WHERE span = $1 AND second < $2`

	sqlInsertProbe = `INSERT INTO probes (app, deployment, at, ok, doc) VALUES ($1, $2, $3, $4, $5)`
	sqlProbesOf    = `SELECT doc FROM probes WHERE deployment = $1 AND at >= $2 ORDER BY at`
	sqlPruneProbes = `DELETE FROM probes WHERE at < $1`

	sqlPutEdge = `INSERT INTO edges (name, generation, seen) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, seen = excluded.seen`
	sqlEdges      = `SELECT name, generation, seen FROM edges ORDER BY name`
	sqlPruneEdges = `DELETE FROM edges WHERE seen < $1`
)

// Batch is one delivery of a source of measurements, as it came.
type Batch struct {
	Source   string
	Sequence uint64
	Received time.Time
	Complete int64 // Unix second: what lies before is final
	Body     []byte
}

// InsertBatch keeps a delivery. It reports false when it was delivered before.
func (s notes) InsertBatch(ctx context.Context, b Batch) (bool, error) {
	seq, err := signed("sequence", b.Sequence)
	if err != nil {
		return false, err
	}
	body := b.Body
	if body == nil {
		body = []byte{}
	}
	n, err := s.run.exec(ctx, sqlInsertBatch, b.Source, seq, Time{b.Received}, b.Complete, body)
	if err != nil {
		return false, fmt.Errorf("insert batch %d of %s: %w", b.Sequence, b.Source, err)
	}
	return n > 0, nil
}

// Batches returns up to limit deliveries received at or after since, oldest first.
func (r reads) Batches(ctx context.Context, since time.Time, limit int) ([]Batch, error) {
	out, err := all(ctx, r.run, func(rows *sql.Rows, b *Batch) error {
		var received Time
		var seq int64
		err := rows.Scan(&b.Source, &seq, &received, &b.Complete, &b.Body)
		b.Sequence, b.Received = uint64(seq), received.Time
		return err
	}, sqlBatches, Time{since}, max(limit, 1))
	if err != nil {
		return nil, fmt.Errorf("read batches: %w", err)
	}
	return out, nil
}

// PruneBatches deletes the deliveries received before a time.
func (s notes) PruneBatches(ctx context.Context, before time.Time) (int64, error) {
	return s.run.exec(ctx, sqlPruneBatches, Time{before})
}

// Sample is a rolled-up measurement of one deployment and class over Span seconds.
type Sample struct {
	App        string
	Deployment string
	Class      string
	Second     int64 // Unix time of its start
	Span       int64 // seconds
	Doc        json.RawMessage
}

// PutSample keeps a sample in the place of the one for the same deployment, class,
// second and span. Whoever adds to a sample reads it first, in the same commit.
func (s notes) PutSample(ctx context.Context, v Sample) error {
	doc, err := raw(v.Doc)
	if err != nil {
		return err
	}
	if _, err := s.run.exec(ctx, sqlPutSample, v.App, v.Deployment, v.Class, v.Second, v.Span, doc); err != nil {
		return fmt.Errorf("put sample of %s: %w", v.Deployment, err)
	}
	return nil
}

// longestSpan is how many seconds a sample covers at most.
const longestSpan = 3600

// SamplesOf returns the samples of the app that hold something of the time from one
// moment up to before another, oldest first; of the given deployments, or of all
// when none is given.
func (r reads) SamplesOf(ctx context.Context, app string, from, to time.Time, deployments ...string) ([]Sample, error) {
	query, args := samplesQuery(app, from, to, deployments)
	out, err := all(ctx, r.run, scanSample, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read samples of %s: %w", app, err)
	}
	return out, nil
}

func scanSample(rows *sql.Rows, v *Sample) error {
	var doc string
	err := rows.Scan(&v.App, &v.Deployment, &v.Class, &v.Second, &v.Span, &doc)
	v.Doc = message(doc)
	return err
}

// OldestSample returns when the oldest sample of a length begins, 0 when there is none.
func (r reads) OldestSample(ctx context.Context, span int64) (int64, error) {
	second, err := one(ctx, r.run, value[int64], sqlOldestSample, span)
	if err != nil {
		return 0, fmt.Errorf("find the oldest sample: %w", err)
	}
	return *second, nil
}

// SamplesIn returns the samples of a length that begin from one second up to before another.
func (r reads) SamplesIn(ctx context.Context, span, from, to int64) ([]Sample, error) {
	out, err := all(ctx, r.run, scanSample, sqlSamplesIn, span, from, to)
	if err != nil {
		return nil, fmt.Errorf("read samples of %d s: %w", span, err)
	}
	return out, nil
}

// SampleAt returns the sample that PutSample would put v in the place of, nil when there is none.
func (r reads) SampleAt(ctx context.Context, v Sample) (*Sample, error) {
	out, err := one(ctx, r.run, scanSample, sqlSample, v.App, v.Deployment, v.Second, v.Span, v.Class)
	if err != nil {
		return nil, fmt.Errorf("read sample of %s: %w", v.Deployment, err)
	}
	return out, nil
}

func samplesQuery(app string, from, to time.Time, deployments []string) (string, []any) {
	var c clause
	c.and("app = ?", app)
	c.in("deployment", deployments)
	c.and("second > ? AND second < ?", from.Unix()-longestSpan, to.Unix()) // what the index finds
	c.and("second + span > ?", from.Unix())
	return `SELECT app, deployment, class, second, span, doc FROM samples` + c.String() +
		` ORDER BY second, deployment, class, span`, c.args
}

// PruneSamples deletes the samples of a length that begin before a second.
func (s notes) PruneSamples(ctx context.Context, span, before int64) (int64, error) {
	return s.run.exec(ctx, sqlPruneSamples, span, before)
}

// InsertProbe keeps one look at a health endpoint.
func (s notes) InsertProbe(ctx context.Context, app string, p guard.Probe) error {
	if _, err := s.run.exec(ctx, sqlInsertProbe, app, p.Deployment, Time{p.At}, p.OK, JSON[guard.Probe]{p}); err != nil {
		return fmt.Errorf("insert probe of %s: %w", p.Deployment, err)
	}
	return nil
}

// ProbesOf returns the looks at a deployment at or after since, oldest first.
func (r reads) ProbesOf(ctx context.Context, deployment string, since time.Time) ([]guard.Probe, error) {
	out, err := all(ctx, r.run, func(rows *sql.Rows, p *guard.Probe) error {
		var doc JSON[guard.Probe]
		err := rows.Scan(&doc)
		*p = doc.V
		return err
	}, sqlProbesOf, deployment, Time{since})
	if err != nil {
		return nil, fmt.Errorf("read probes of %s: %w", deployment, err)
	}
	return out, nil
}

// PruneProbes deletes the looks before a time.
func (s notes) PruneProbes(ctx context.Context, before time.Time) (int64, error) {
	return s.run.exec(ctx, sqlPruneProbes, Time{before})
}

// EdgeSeen is the last that was heard of an edge.
type EdgeSeen struct {
	Name       string    `json:"name"`
	Generation uint64    `json:"generation"` // of the routing table it serves
	Seen       time.Time `json:"seen"`
}

// PutEdge keeps the last that was heard of an edge.
func (s notes) PutEdge(ctx context.Context, e EdgeSeen) error {
	g, err := signed("generation", e.Generation)
	if err != nil {
		return err
	}
	if _, err := s.run.exec(ctx, sqlPutEdge, e.Name, g, Time{e.Seen}); err != nil {
		return fmt.Errorf("put edge %s: %w", e.Name, err)
	}
	return nil
}

// Edges returns every edge that was heard of, by name.
func (r reads) Edges(ctx context.Context) ([]EdgeSeen, error) {
	out, err := all(ctx, r.run, func(rows *sql.Rows, e *EdgeSeen) error {
		var seen Time
		var g int64
		err := rows.Scan(&e.Name, &g, &seen)
		e.Generation, e.Seen = uint64(g), seen.Time
		return err
	}, sqlEdges)
	if err != nil {
		return nil, fmt.Errorf("list edges: %w", err)
	}
	return out, nil
}

// PruneEdges forgets the edges that were not heard of since a time.
func (s notes) PruneEdges(ctx context.Context, before time.Time) (int64, error) {
	return s.run.exec(ctx, sqlPruneEdges, Time{before})
}
