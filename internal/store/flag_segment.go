package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
)

const (
	sqlInsertSegment = `INSERT INTO segments (id, version, doc, app, environment, name, number)
		SELECT $1, 1, $2, $3, $4, $5, COALESCE(MAX(number), 0) + 1 FROM segments`
	sqlUpdateSegment = `UPDATE segments SET version = version + 1, doc = $3, app = $4, environment = $5, name = $6
		WHERE id = $1 AND version = $2`
	sqlSegmentDoc    = `SELECT version, doc FROM segments WHERE id = $1`
	sqlSegment       = `SELECT version, number, doc FROM segments WHERE id = $1`
	sqlSegmentsIn    = `SELECT version, number, doc FROM segments WHERE app = $1 AND environment = $2 ORDER BY name`
	sqlSegmentsAll   = `SELECT version, number, doc FROM segments WHERE app = $1 ORDER BY name, environment`
	sqlDeleteSegment = `DELETE FROM segments WHERE id = $1 AND version = $2`

	sqlMembers       = `SELECT member FROM segment_members WHERE segment = $1 AND member > $2 ORDER BY member`
	sqlMembersPage   = sqlMembers + ` LIMIT $3`
	sqlDeleteMembers = `DELETE FROM segment_members WHERE segment = $1`
)

// membersAtATime is how many members one statement adds, removes or looks for.
const membersAtATime = 1000

func segments() noun[flag.Segment] {
	return noun[flag.Segment]{
		name: "segment", insert: sqlInsertSegment, update: sqlUpdateSegment, read: sqlSegmentDoc,
		id:     func(s *flag.Segment) string { return s.App + "/" + s.Environment + "/" + s.Key },
		row:    func(s *flag.Segment) *int64 { return &s.Row },
		copies: func(s *flag.Segment) []any { return []any{s.App, s.Environment, s.Key} },
	}
}

// InsertSegment records a new segment.
func (tx *Tx) InsertSegment(ctx context.Context, s *flag.Segment) error {
	return segments().add(ctx, tx, s)
}

// UpdateSegment records a segment that was read before, and raises its Row.
func (tx *Tx) UpdateSegment(ctx context.Context, s *flag.Segment) error {
	return segments().change(ctx, tx, s)
}

// DeleteSegment forgets a segment that was read before, with its members.
func (tx *Tx) DeleteSegment(ctx context.Context, s flag.Segment) error {
	row, err := tx.segment(ctx, s.App, s.Environment, s.Key)
	if err != nil {
		return err
	}
	if _, err := tx.run.exec(ctx, sqlDeleteMembers, row.number); err != nil {
		return fmt.Errorf("delete the members of segment %s: %w", s.Key, err)
	}
	n, err := tx.run.exec(ctx, sqlDeleteSegment, segments().id(&s), s.Row)
	if err != nil {
		return fmt.Errorf("delete segment %s: %w", s.Key, err)
	}
	if n == 0 {
		return changed("segment", s.Key)
	}
	return nil
}

// Segment returns the segment with the key in an environment.
func (r reads) Segment(ctx context.Context, app, environment, key string) (flag.Segment, error) {
	row, err := r.segment(ctx, app, environment, key)
	return row.Segment, err
}

func (r reads) segment(ctx context.Context, app, environment, key string) (segmentRow, error) {
	row, err := one(ctx, r.run, scanSegment, sqlSegment, app+"/"+environment+"/"+key)
	if err != nil {
		return segmentRow{}, fmt.Errorf("read segment %s in %s: %w", key, environment, err)
	}
	if row == nil {
		return segmentRow{}, fault.New(fault.NotFound, "not_found", "There is no segment %s in %s.", clip(key),
			clip(environment))
	}
	return *row, nil
}

// Segments returns the segments of an environment (of all for ""), by key.
func (r reads) Segments(ctx context.Context, app, environment string) ([]flag.Segment, error) {
	query, args := sqlSegmentsAll, []any{app}
	if environment != "" {
		query, args = sqlSegmentsIn, []any{app, environment}
	}
	rows, err := all(ctx, r.run, scanSegment, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	out := make([]flag.Segment, len(rows))
	for i, s := range rows {
		out[i] = s.Segment
	}
	return out, nil
}

// SegmentMembers returns the members of a segment in their order: those behind after, up to limit; all for 0.
func (r reads) SegmentMembers(ctx context.Context, s flag.Segment, after string, limit int) ([]string, error) {
	row, err := r.segment(ctx, s.App, s.Environment, s.Key)
	if err != nil {
		return nil, err
	}
	return r.members(ctx, row.number, after, limit)
}

func (r reads) members(ctx context.Context, number int64, after string, limit int) ([]string, error) {
	query, args := sqlMembers, []any{number, after}
	if limit > 0 {
		query, args = sqlMembersPage, append(args, limit)
	}
	out, err := all(ctx, r.run, value[string], query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the members of a segment: %w", err)
	}
	return out, nil
}

// MembersAmong returns those of the names that are members of a segment.
func (r reads) MembersAmong(ctx context.Context, s flag.Segment, names []string) ([]string, error) {
	row, err := r.segment(ctx, s.App, s.Environment, s.Key)
	if err != nil {
		return nil, err
	}
	var out []string
	for len(names) > 0 {
		some := names[:min(len(names), membersAtATime)]
		names = names[len(some):]
		found, err := all(ctx, r.run, value[string], membersAmongQuery(len(some)), memberArgs(row.number, some)...)
		if err != nil {
			return nil, fmt.Errorf("look for members of segment %s: %w", s.Key, err)
		}
		out = append(out, found...)
	}
	return out, nil
}

func memberArgs(number int64, names []string) []any {
	args := make([]any, 0, len(names)+1)
	args = append(args, number)
	for _, m := range names {
		args = append(args, m)
	}
	return args
}

// AddMembers adds members to a segment and returns how many were not in it yet.
func (tx *Tx) AddMembers(ctx context.Context, s flag.Segment, members []string) (int, error) {
	return tx.eachMembers(ctx, s, members, addMembersQuery)
}

// RemoveMembers removes members from a segment and returns how many were in it.
func (tx *Tx) RemoveMembers(ctx context.Context, s flag.Segment, members []string) (int, error) {
	return tx.eachMembers(ctx, s, members, removeMembersQuery)
}

func (tx *Tx) eachMembers(ctx context.Context, s flag.Segment, members []string, query func(int) string) (int, error) {
	row, err := tx.segment(ctx, s.App, s.Environment, s.Key)
	if err != nil {
		return 0, err
	}
	changedRows := int64(0)
	for len(members) > 0 {
		some := members[:min(len(members), membersAtATime)]
		members = members[len(some):]
		n, err := tx.run.exec(ctx, query(len(some)), memberArgs(row.number, some)...)
		if err != nil {
			return 0, fmt.Errorf("change the members of segment %s: %w", s.Key, err)
		}
		changedRows += n
	}
	return int(changedRows), nil
}

func addMembersQuery(n int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO segment_members (segment, member) VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "($1, $%d)", i+2)
	}
	b.WriteString(" ON CONFLICT (segment, member) DO NOTHING")
	return b.String()
}

func removeMembersQuery(n int) string {
	return "DELETE FROM segment_members WHERE " + amongMembers(n)
}

func membersAmongQuery(n int) string {
	return "SELECT member FROM segment_members WHERE " + amongMembers(n)
}

// amongMembers is true for the rows of segment $1 whose member is one of n.
func amongMembers(n int) string {
	var c clause
	c.args = []any{0}
	c.parts = []string{"segment = $1"}
	c.in("member", make([]string, n))
	return strings.Join(c.parts, " AND ")
}
