package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
)

const (
	sqlInsertFlag = `INSERT INTO flags (id, version, doc, app, name, archived, created) VALUES ($1, 1, $2, $3, $4, $5, $6)`
	sqlUpdateFlag = `UPDATE flags SET version = version + 1, doc = $3, app = $4, name = $5, archived = $6, created = $7
		WHERE id = $1 AND version = $2`
	sqlFlag      = `SELECT version, doc FROM flags WHERE id = $1`
	sqlFlags     = `SELECT version, doc FROM flags WHERE app = $1 ORDER BY name`
	sqlFlagsUsed = `SELECT version, doc FROM flags WHERE app = $1 AND archived = FALSE ORDER BY name`

	sqlInsertFlagConfig = `INSERT INTO flag_configs (id, version, doc, app, environment, flag)
		VALUES ($1, 1, $2, $3, $4, $5)`
	sqlUpdateFlagConfig = `UPDATE flag_configs SET version = version + 1, doc = $3, app = $4, environment = $5, flag = $6
		WHERE id = $1 AND version = $2`
	sqlFlagConfig     = `SELECT version, doc FROM flag_configs WHERE id = $1`
	sqlFlagConfigsOf  = `SELECT version, doc FROM flag_configs WHERE app = $1 AND flag = $2 ORDER BY environment`
	sqlFlagConfigsIn  = `SELECT version, doc FROM flag_configs WHERE app = $1 AND environment = $2 ORDER BY flag`
	sqlFlagConfigsAll = `SELECT version, doc FROM flag_configs WHERE app = $1 ORDER BY flag, environment`
	sqlFlagConfigSet  = `SELECT c.version, c.doc FROM flag_configs c JOIN flags f ON f.app = c.app AND f.name = c.flag
		WHERE c.app = $1 AND c.environment = $2 AND f.archived = FALSE ORDER BY c.flag`

	sqlRaiseGeneration = `INSERT INTO flag_generations (app, environment, generation) VALUES ($1, $2, 1)
		ON CONFLICT (app, environment) DO UPDATE SET generation = flag_generations.generation + 1
		RETURNING generation`
	sqlFlagsVersion = `SELECT CAST(COALESCE(SUM(g.generation), 0) AS BIGINT) + (SELECT COUNT(*) FROM flags WHERE app = $1)
		FROM flag_generations g WHERE g.app = $1`
	sqlGeneration = `SELECT generation FROM flag_generations WHERE app = $1 AND environment = $2`
)

// setTries is how often FlagSet reads again when the environment changes while it reads.
const setTries = 20

func flags() noun[flag.Flag] {
	return noun[flag.Flag]{
		name: "flag", insert: sqlInsertFlag, update: sqlUpdateFlag, read: sqlFlag,
		id:  func(f *flag.Flag) string { return f.App + "/" + f.Key },
		row: func(f *flag.Flag) *int64 { return &f.Row },
		copies: func(f *flag.Flag) []any {
			return []any{f.App, f.Key, !f.Archived.IsZero(), Time{f.Created}}
		},
	}
}

func flagConfigs() noun[flag.Config] {
	return noun[flag.Config]{
		name: "flag configuration", insert: sqlInsertFlagConfig, update: sqlUpdateFlagConfig, read: sqlFlagConfig,
		id:     func(c *flag.Config) string { return c.App + "/" + c.Environment + "/" + c.Flag },
		row:    func(c *flag.Config) *int64 { return &c.Row },
		copies: func(c *flag.Config) []any { return []any{c.App, c.Environment, c.Flag} },
	}
}

// InsertFlag records a new flag.
func (tx *Tx) InsertFlag(ctx context.Context, f *flag.Flag) error { return flags().add(ctx, tx, f) }

// UpdateFlag records a flag that was read before, and raises its Row.
func (tx *Tx) UpdateFlag(ctx context.Context, f *flag.Flag) error { return flags().change(ctx, tx, f) }

// Flag returns the app's flag with the key, archived or not.
func (r reads) Flag(ctx context.Context, app, key string) (flag.Flag, error) {
	f, err := one(ctx, r.run, flags().scan, sqlFlag, app+"/"+key)
	if err != nil {
		return flag.Flag{}, fmt.Errorf("read flag %s: %w", key, err)
	}
	if f == nil {
		return flag.Flag{}, notFound("flag", clip(key))
	}
	return *f, nil
}

// Flags returns the app's flags by key, archived ones too.
func (r reads) Flags(ctx context.Context, app string) ([]flag.Flag, error) {
	return listOf(ctx, r.run, flags(), sqlFlags, app)
}

// listOf reads all rows of a noun that a query finds.
func listOf[T any](ctx context.Context, r runner, n noun[T], query string, args ...any) ([]T, error) {
	out, err := all(ctx, r, n.scan, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list each %s: %w", n.name, err)
	}
	return out, nil
}

// InsertFlagConfig records what a flag does in an environment for the first time.
func (tx *Tx) InsertFlagConfig(ctx context.Context, c *flag.Config) error {
	return flagConfigs().add(ctx, tx, c)
}

// UpdateFlagConfig records a configuration that was read before, and raises its Row.
func (tx *Tx) UpdateFlagConfig(ctx context.Context, c *flag.Config) error {
	return flagConfigs().change(ctx, tx, c)
}

// FlagConfig returns what a flag does in an environment.
func (r reads) FlagConfig(ctx context.Context, app, environment, key string) (flag.Config, error) {
	c, err := one(ctx, r.run, flagConfigs().scan, sqlFlagConfig, app+"/"+environment+"/"+key)
	if err != nil {
		return flag.Config{}, fmt.Errorf("read flag %s in %s: %w", key, environment, err)
	}
	if c == nil {
		return flag.Config{}, fault.New(fault.NotFound, "not_found", "The flag %s does nothing in %s yet.", clip(key),
			clip(environment))
	}
	return *c, nil
}

// FlagConfigs returns what the flag with the key (every flag for "") does, by environment.
func (r reads) FlagConfigs(ctx context.Context, app, key string) ([]flag.Config, error) {
	if key == "" {
		return listOf(ctx, r.run, flagConfigs(), sqlFlagConfigsAll, app)
	}
	return listOf(ctx, r.run, flagConfigs(), sqlFlagConfigsOf, app, key)
}

// FlagConfigsIn returns what the app's flags, archived ones too, do in an environment, by key.
func (r reads) FlagConfigsIn(ctx context.Context, app, environment string) ([]flag.Config, error) {
	return listOf(ctx, r.run, flagConfigs(), sqlFlagConfigsIn, app, environment)
}

// RaiseGeneration records that something of an environment's flags changed, and returns the new generation.
func (tx *Tx) RaiseGeneration(ctx context.Context, app, environment string) (int64, error) {
	got, err := one(ctx, tx.run, value[int64], sqlRaiseGeneration, app, environment)
	if err != nil {
		return 0, fmt.Errorf("raise the generation of %s: %w", environment, err)
	}
	return *got, nil
}

// FlagsVersion is a number that rises with every change of a flag, of what it does anywhere, or of a segment:
// generations only rise, and flags are never deleted.
func (r reads) FlagsVersion(ctx context.Context, app string) (int64, error) {
	got, err := one(ctx, r.run, value[int64], sqlFlagsVersion, app)
	if err != nil {
		return 0, fmt.Errorf("read the version of all flags: %w", err)
	}
	return *got, nil
}

// FlagGeneration returns how often the flags of an environment were changed. Comparing it is how a holder of a
// FlagSet finds out whether there is a newer one.
func (r reads) FlagGeneration(ctx context.Context, app, environment string) (int64, error) {
	got, err := one(ctx, r.run, value[int64], sqlGeneration, app, environment)
	if err != nil {
		return 0, fmt.Errorf("read the generation of %s: %w", environment, err)
	}
	if got == nil {
		return 0, nil
	}
	return *got, nil
}

// FlagSet returns all that decides about flags in an environment, as it was at one moment: every change raises the
// generation in its own commit, so what was read between two equal ones belongs together. Archived flags are not in
// it. lists says of which segments the members are read; nil reads all of them.
func (r reads) FlagSet(
	ctx context.Context, app, environment string, lists ...func(*flag.Segment) bool,
) (flag.Set, error) {
	for range setTries {
		before, err := r.FlagGeneration(ctx, app, environment)
		if err != nil {
			return flag.Set{}, err
		}
		set, err := r.flagSet(ctx, app, environment, lists)
		if err != nil {
			return flag.Set{}, err
		}
		after, err := r.FlagGeneration(ctx, app, environment)
		if err != nil {
			return flag.Set{}, err
		}
		if set.Generation = after; before == after {
			return set, nil
		}
	}
	return flag.Set{}, fault.New(fault.Unavailable, "flags_changing",
		"The flags of %s change faster than they can be read. Try again.", environment)
}

func (r reads) flagSet(
	ctx context.Context, app, environment string, lists []func(*flag.Segment) bool,
) (set flag.Set, err error) {
	set.App, set.Environment, set.Lists = app, environment, map[string][]string{}
	if set.Flags, err = listOf(ctx, r.run, flags(), sqlFlagsUsed, app); err != nil {
		return set, err
	}
	if set.Configs, err = listOf(ctx, r.run, flagConfigs(), sqlFlagConfigSet, app, environment); err != nil {
		return set, err
	}
	rows, err := all(ctx, r.run, scanSegment, sqlSegmentsIn, app, environment)
	if err != nil {
		return set, fmt.Errorf("list the segments of %s: %w", environment, err)
	}
	for _, s := range rows {
		set.Segments = append(set.Segments, s.Segment)
		if s.Listed == 0 || len(lists) > 0 && !lists[0](&s.Segment) {
			continue
		}
		if set.Lists[s.Key], err = r.members(ctx, s.number, "", 0); err != nil {
			return set, err
		}
	}
	return set, nil
}

// segmentRow is a segment with the number of its members' rows.
type segmentRow struct {
	flag.Segment
	number int64
}

func scanSegment(rows *sql.Rows, s *segmentRow) error {
	var doc JSON[flag.Segment]
	var version int64
	if err := rows.Scan(&version, &s.number, &doc); err != nil {
		return err
	}
	s.Segment = doc.V
	s.Row = version
	return nil
}
