package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// The sizes of a page.
const (
	defaultLimit = 50
	maxLimit     = 1000
)

// limited returns the size of a page: 50 when none is asked for, never above 1,000.
func limited(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, maxLimit)
}

// keyed is a row of a page with its place in the order.
type keyed[T any] struct {
	id      string
	created int64
	v       T
}

// page reads documents newest first: those that c lets through and that stand
// behind the cursor before. It returns the cursor of the next page, "" at the end.
func page[T any](
	ctx context.Context, r runner, n noun[T], table string, c clause, before string, limit int,
) ([]T, string, error) {
	query, args, err := pageQuery(table, c, before, limit)
	if err != nil {
		return nil, "", err
	}
	got, err := all(ctx, r, func(rows *sql.Rows, k *keyed[T]) error {
		var doc JSON[T]
		var version int64
		if err := rows.Scan(&k.id, &k.created, &version, &doc); err != nil {
			return err
		}
		k.v = doc.V
		*n.row(&k.v) = version
		return nil
	}, query, args...)
	if err != nil {
		return nil, "", fmt.Errorf("list each %s: %w", n.name, err)
	}
	next := ""
	if most := limited(limit); len(got) > most {
		got = got[:most]
		next = strconv.FormatInt(got[most-1].created, 36) + "." + got[most-1].id
	}
	out := make([]T, len(got))
	for i := range got {
		out[i] = got[i].v
	}
	return out, next, nil
}

// pageQuery asks for one row more than the page holds, to know whether more follow.
func pageQuery(table string, c clause, before string, limit int) (string, []any, error) {
	if before != "" {
		at, id, err := parseCursor(before)
		if err != nil {
			return "", nil, err
		}
		c.and("(created, id) < (?, ?)", at, id)
	}
	c.args = append(c.args, limited(limit)+1)
	return "SELECT id, created, version, doc FROM " + table + c.String() +
		" ORDER BY created DESC, id DESC LIMIT $" + strconv.Itoa(len(c.args)), c.args, nil
}

// CursorAt returns the cursor of the page whose rows were created before at.
func CursorAt(at time.Time) string { return strconv.FormatInt(at.UnixMicro(), 36) + "." }

func parseCursor(s string) (int64, string, error) {
	micro, id, ok := strings.Cut(s, ".")
	at, err := strconv.ParseInt(micro, 36, 64)
	if !ok || err != nil {
		return 0, "", fault.New(fault.Invalid, "bad_cursor",
			"%q is no cursor of a page. Leave it out for the first page.", clip(s))
	}
	return at, id, nil
}
