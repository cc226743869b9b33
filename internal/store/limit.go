package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	sqlHoldLimit = `INSERT INTO platform_limits (kind, held, period, spent) VALUES ($1, $2, '', 0)
		ON CONFLICT (kind) DO UPDATE SET held = excluded.held WHERE platform_limits.held < excluded.held`
	sqlSpendLimit = `INSERT INTO platform_limits (kind, held, period, spent) VALUES ($1, 0, $2, 1)
		ON CONFLICT (kind) DO UPDATE SET period = excluded.period, spent =
		CASE WHEN platform_limits.period = excluded.period THEN platform_limits.spent + 1 ELSE 1 END
		WHERE platform_limits.period <> excluded.period OR platform_limits.spent < CAST($3 AS BIGINT)
		RETURNING spent`
	sqlLimit = `SELECT held, period, spent FROM platform_limits WHERE kind = $1`
)

// limit is what nodes know of one of a platform's limits.
type limit struct {
	held   Time
	period string
	spent  int64
}

func (r reads) limit(ctx context.Context, kind string) (limit, error) {
	got, err := one(ctx, r.run, func(rows *sql.Rows, l *limit) error { return rows.Scan(&l.held, &l.period, &l.spent) },
		sqlLimit, kind)
	if err != nil {
		return limit{}, fmt.Errorf("read the limit %s: %w", kind, err)
	}
	if got == nil {
		return limit{}, nil
	}
	return *got, nil
}

// LimitHeld returns until when calls of a kind must wait; the zero time when they need not.
func (r reads) LimitHeld(ctx context.Context, kind string) (time.Time, error) {
	l, err := r.limit(ctx, kind)
	return l.held.Time, err
}

// LimitSpent returns how much of a period's budget is spent.
func (r reads) LimitSpent(ctx context.Context, kind, period string) (int, error) {
	l, err := r.limit(ctx, kind)
	if err != nil || l.period != period {
		return 0, err
	}
	return int(l.spent), nil
}

// HoldLimit has calls of a kind wait. It never shortens.
func (s notes) HoldLimit(ctx context.Context, kind string, until time.Time) error {
	if _, err := s.run.exec(ctx, sqlHoldLimit, kind, Time{until}); err != nil {
		return fmt.Errorf("hold calls of %s: %w", kind, err)
	}
	return nil
}

// SpendLimit takes one of a period's budget and returns how many are left; -1 when none was.
func (s notes) SpendLimit(ctx context.Context, kind, period string, most int) (int, error) {
	if most < 1 {
		return -1, nil
	}
	got, err := one(ctx, s.run, value[int64], sqlSpendLimit, kind, period, int64(most))
	if err != nil {
		return -1, fmt.Errorf("spend one of %s: %w", kind, err)
	}
	if got == nil {
		return -1, nil
	}
	return most - int(*got), nil
}
