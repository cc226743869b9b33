package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	flagUsageColumns = `app, environment, flag, variant, at, span, evaluations, exposures, errors`
	sqlAddFlagUsage  = `INSERT INTO flag_usage (` + flagUsageColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (app, environment, flag, at, span, variant) DO UPDATE SET
		evaluations = flag_usage.evaluations + EXCLUDED.evaluations,
		exposures = flag_usage.exposures + EXCLUDED.exposures, errors = flag_usage.errors + EXCLUDED.errors`
	sqlFlagUsage = `SELECT ` + flagUsageColumns + ` FROM flag_usage
		WHERE app = $1 AND environment = $2 AND flag = $3 AND at >= $4 ORDER BY at, variant`
	sqlFlagsEvaluated = `SELECT f.name, COALESCE((SELECT u.at + u.span FROM flag_usage u WHERE u.app = f.app
		AND u.environment = $2 AND u.flag = f.name AND u.evaluations > 0 ORDER BY u.at DESC LIMIT 1), 0)
		FROM flags f WHERE f.app = $1`
	sqlFlagEvaluated = sqlFlagsEvaluated + ` AND f.name = $3`
	sqlRollFlagUsage = `INSERT INTO flag_usage (` + flagUsageColumns + `)
		SELECT app, environment, flag, variant, at - at % $3, $3, SUM(evaluations), SUM(exposures), SUM(errors)
		FROM flag_usage WHERE span = $1 AND at < $2 GROUP BY app, environment, flag, variant, at - at % $3
		ON CONFLICT (app, environment, flag, at, span, variant) DO UPDATE SET
		evaluations = flag_usage.evaluations + EXCLUDED.evaluations,
		exposures = flag_usage.exposures + EXCLUDED.exposures, errors = flag_usage.errors + EXCLUDED.errors`
	sqlPruneFlagUsage = `DELETE FROM flag_usage WHERE span = $1 AND at < $2`
)

// FlagUsage is how often a variant was served, shown and seen to fail in Span seconds. It knows no user.
type FlagUsage struct {
	App, Environment, Flag, Variant string
	At                              int64 // Unix time of its start
	Span                            int64 // seconds
	Evaluations, Exposures, Errors  int64
}

func scanFlagUsage(rows *sql.Rows, u *FlagUsage) error {
	return rows.Scan(&u.App, &u.Environment, &u.Flag, &u.Variant, &u.At, &u.Span, &u.Evaluations, &u.Exposures, &u.Errors)
}

// AddFlagUsage adds to what was seen in steps of time: several nodes count the same ones.
func (tx *Tx) AddFlagUsage(ctx context.Context, list []FlagUsage) error {
	for _, u := range list {
		if _, err := tx.run.exec(ctx, sqlAddFlagUsage, u.App, u.Environment, u.Flag, u.Variant, u.At, u.Span,
			u.Evaluations, u.Exposures, u.Errors); err != nil {
			return fmt.Errorf("add to the usage of %s: %w", u.Flag, err)
		}
	}
	return nil
}

// FlagUsage returns what was seen of a flag in an environment since a time, oldest first.
func (r reads) FlagUsage(ctx context.Context, app, environment, key string, since time.Time) ([]FlagUsage, error) {
	out, err := all(ctx, r.run, scanFlagUsage, sqlFlagUsage, app, environment, key, max(0, since.Unix()))
	if err != nil {
		return nil, fmt.Errorf("read the usage of %s: %w", key, err)
	}
	return out, nil
}

// FlagsUsed returns when each flag was evaluated last in the named environments, as far as is known, by environment and
// flag; with a key, of that flag alone. It looks at the last row of each flag, not at all that was ever counted.
func (r reads) FlagsUsed(
	ctx context.Context, app, key string, environments []string,
) (map[[2]string]time.Time, error) {
	type row struct {
		flag  string
		until int64
	}
	out := map[[2]string]time.Time{}
	for _, environment := range environments {
		query, args := sqlFlagsEvaluated, []any{app, environment}
		if key != "" {
			query, args = sqlFlagEvaluated, append(args, key)
		}
		scan := func(rows *sql.Rows, v *row) error { return rows.Scan(&v.flag, &v.until) }
		rows, err := all(ctx, r.run, scan, query, args...)
		if err != nil {
			return nil, fmt.Errorf("read when flags were used: %w", err)
		}
		for _, v := range rows {
			if v.until > 0 {
				out[[2]string{environment, v.flag}] = time.Unix(v.until, 0)
			}
		}
	}
	return out, nil
}

// RollFlagUsage sums steps of one length, begun before a time, into longer ones, which take their place.
func (tx *Tx) RollFlagUsage(ctx context.Context, span, into int64, before time.Time) error {
	edge := before.Unix() - before.Unix()%into // a longer step is summed when it is over
	if _, err := tx.run.exec(ctx, sqlRollFlagUsage, span, edge, into); err != nil {
		return fmt.Errorf("sum the usage of flags: %w", err)
	}
	_, err := tx.PruneFlagUsage(ctx, span, time.Unix(edge, 0))
	return err
}

// PruneFlagUsage forgets steps of a length that began before a time.
func (s notes) PruneFlagUsage(ctx context.Context, span int64, before time.Time) (int64, error) {
	n, err := s.run.exec(ctx, sqlPruneFlagUsage, span, max(0, before.Unix()))
	if err != nil {
		return 0, fmt.Errorf("forget the usage of flags: %w", err)
	}
	return n, nil
}
