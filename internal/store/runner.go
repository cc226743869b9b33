package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// runner runs statements and translates what goes wrong.
type runner struct{ q querier }

// exec runs a statement and returns how many rows it changed.
func (r runner) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := checkText(args); err != nil {
		return 0, err
	}
	res, err := r.q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, translate(err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("count changed rows: %w", err)
	}
	return n, nil
}

// all runs a query and scans every row. The result is never nil.
func all[T any](ctx context.Context, r runner, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	if err := checkText(args); err != nil {
		return nil, err
	}
	rows, err := r.q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, translate(err)
	}
	defer func() { _ = rows.Close() }() // a second Close does nothing; the first error is in rows.Err
	out := []T{}
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, fmt.Errorf("scan row: %w", err)
		}
		out = append(out, v)
	}
	return out, translate(rows.Err())
}

// one runs a query for at most one row and returns nil when there is none.
func one[T any](ctx context.Context, r runner, scan func(*sql.Rows, *T) error, query string, args ...any) (*T, error) {
	got, err := all(ctx, r, scan, query, args...)
	if err != nil || len(got) == 0 {
		return nil, err
	}
	return &got[0], nil
}

// value is the scanner for rows of one column that needs no help.
func value[T any](rows *sql.Rows, v *T) error { return rows.Scan(v) }

// noun describes a state table with a document: what people call its rows, its
// statements, where a document has its id and version, and the copies it keeps in
// columns. The arguments of insert are id, document, copies; those of update id,
// version, document, copies.
type noun[T any] struct {
	name   string
	insert string
	update string
	read   string // version, doc by id
	id     func(*T) string
	row    func(*T) *int64
	copies func(*T) []any

	scanner func(*sql.Rows, *T) error // for rows with more than version and doc; nil for the others
}

// scan reads the columns version and doc, or what the noun's own scanner reads.
func (n noun[T]) scan(rows *sql.Rows, v *T) error {
	if n.scanner != nil {
		return n.scanner(rows, v)
	}
	var version int64
	var doc JSON[T]
	if err := rows.Scan(&version, &doc); err != nil {
		return err
	}
	*v = doc.V
	*n.row(v) = version
	return nil
}

// byID reads one row.
func (n noun[T]) byID(ctx context.Context, r runner, id string) (T, error) {
	var zero T
	got, err := one(ctx, r, n.scan, n.read, id)
	if err != nil {
		return zero, fmt.Errorf("read %s %s: %w", n.name, id, err)
	}
	if got == nil {
		return zero, notFound(n.name, id)
	}
	return *got, nil
}

// add inserts v as version 1.
func (n noun[T]) add(ctx context.Context, tx *Tx, v *T) error {
	args := append([]any{n.id(v), JSON[T]{*v}}, n.copies(v)...)
	if _, err := tx.run.exec(ctx, n.insert, args...); err != nil {
		if fault.ReasonOf(err) == "already_exists" {
			return fault.Wrap(err, fault.Conflict, "already_exists", "There is a %s like %s already.", n.name, n.id(v))
		}
		return fmt.Errorf("insert %s %s: %w", n.name, n.id(v), err)
	}
	tx.bump(n.row(v), 1)
	return nil
}

// change updates v when nobody else did since it was read, and raises its version.
func (n noun[T]) change(ctx context.Context, tx *Tx, v *T) error {
	id, row := n.id(v), n.row(v)
	args := append([]any{id, *row, JSON[T]{*v}}, n.copies(v)...)
	changedRows, err := tx.run.exec(ctx, n.update, args...)
	if err != nil {
		return fmt.Errorf("update %s %s: %w", n.name, id, err)
	}
	if changedRows == 0 {
		if _, err := n.byID(ctx, tx.run, id); err != nil {
			return err
		}
		return changed(n.name, id)
	}
	tx.bump(row, *row+1)
	return nil
}

// clause collects the conditions of a query whose filters are optional.
type clause struct {
	parts []string
	args  []any
}

// and adds a condition; each ? in it stands for the next of args.
func (c *clause) and(condition string, args ...any) {
	for _, a := range args {
		c.args = append(c.args, a)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	c.parts = append(c.parts, condition)
}

// is adds column = text unless the text is empty.
func (c *clause) is(column, text string) {
	if text != "" {
		c.and(column+" = ?", text)
	}
}

// in adds column IN (…) unless there are no texts.
func (c *clause) in(column string, texts []string) {
	if len(texts) == 0 {
		return
	}
	args := make([]any, len(texts))
	for i, t := range texts {
		args[i] = t
	}
	c.and(column+" IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(texts)), ", ")+")", args...)
}

// String returns the WHERE clause with a space before it, or nothing.
func (c *clause) String() string {
	if len(c.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.parts, " AND ")
}
