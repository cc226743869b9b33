package store

import (
	"context"
	"fmt"
)

const sqlPutSample = `INSERT INTO samples (app, deployment, class, second, span, doc) VALUES ($1, $2, $3, $4, $5, $6)
	ON CONFLICT (app, deployment, second, span, class) DO UPDATE SET doc = excluded.doc`

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
