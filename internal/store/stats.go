package store

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	sqlStats = `SELECT
		(SELECT seq FROM log_head WHERE id = 1),
		(SELECT COUNT(*) FROM releases WHERE active = TRUE),
		(SELECT COUNT(*) FROM rollbacks WHERE active = TRUE),
		(SELECT COUNT(*) FROM approvals WHERE state = 'open'),
		(SELECT COUNT(*) FROM effects WHERE state = 'pending'),
		(SELECT COUNT(*) FROM work WHERE next_at > 0),
		(SELECT COUNT(*) FROM work WHERE lease_until > 0)`

	// One text for each engine: there is no common one, and a wrong size harms nobody.
	sqliteSize   = `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`
	postgresSize = `SELECT pg_database_size(current_database())`
)

// Stats are the sizes that /metrics shows. Every one is read from an index.
type Stats struct {
	Events           int64
	ActiveReleases   int64
	ActiveRollbacks  int64
	OpenApprovals    int64
	PendingEffects   int64
	Scheduled        int64 // work with a time
	Leased           int64 // work that is held
	Bytes            int64 // of the database
	OpenConnections  int
	BusyConnections  int
	WaitedForConnect int64 // how often somebody had to wait for one
}

// Stats returns the database's sizes.
func (db *DB) Stats(ctx context.Context) (Stats, error) {
	got, err := one(ctx, db.reads.run, func(rows *sql.Rows, s *Stats) error {
		return rows.Scan(&s.Events, &s.ActiveReleases, &s.ActiveRollbacks, &s.OpenApprovals, &s.PendingEffects,
			&s.Scheduled, &s.Leased)
	}, sqlStats)
	if err != nil {
		return Stats{}, fmt.Errorf("count: %w", err)
	}
	query := postgresSize
	if db.dialect == SQLite {
		query = sqliteSize
	}
	size, err := one(ctx, db.reads.run, value[int64], query)
	if err != nil {
		return Stats{}, fmt.Errorf("measure the database: %w", err)
	}
	got.Bytes = *size
	for _, pool := range []*sql.DB{db.read, db.write} {
		p := pool.Stats()
		got.OpenConnections += p.OpenConnections
		got.BusyConnections += p.InUse
		got.WaitedForConnect += p.WaitCount
	}
	return *got, nil
}
