package store

import (
	"bytes"
	"compress/flate"
	"context"
	"database/sql"
	_ "embed" // of the dictionary
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
)

const (
	sqlInsertVerdict = `INSERT INTO verdicts (release_id, look, at, word, action, doc, evidence)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (release_id, look) DO NOTHING`
	sqlVerdictsOf = `SELECT release_id, look, doc FROM verdicts WHERE release_id = $1 AND at >= $2
		ORDER BY look DESC LIMIT $3`
	sqlVerdictsOver = `SELECT release_id, look, doc FROM verdicts WHERE release_id = $1 AND look IN (
		SELECT MAX(look) FROM verdicts WHERE release_id = $1 AND at >= $2 GROUP BY (at - $2) / $3) ORDER BY look`
	sqlVerdictChanges = `SELECT release_id, look, doc FROM verdicts WHERE release_id = $1 AND look IN (
		SELECT look FROM (
			SELECT look, word, action, LAG(word) OVER (ORDER BY look) AS word_before,
				LAG(action) OVER (ORDER BY look) AS action_before
			FROM verdicts WHERE release_id = $1 AND at >= $2) AS v
		WHERE word_before IS NULL OR word_before <> word OR action_before <> action
		ORDER BY look DESC LIMIT $3) ORDER BY look`
	sqlLooks = `SELECT look, doc, evidence FROM verdicts WHERE release_id = $1 AND look > $2 ORDER BY look LIMIT $3`

	// All of a release's looks or none: its end is what counts, and none is let go of while it is under way.
	sqlPruneVerdicts = `DELETE FROM verdicts WHERE release_id IN (SELECT f.release_id FROM verdicts f
		WHERE f.look = 1 AND f.at < $1
		AND NOT EXISTS (SELECT 1 FROM verdicts n WHERE n.release_id = f.release_id AND n.at >= $1)
		AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.id = f.release_id AND r.active = TRUE))`
)

// Judged is a verdict of the guard on a release.
type Judged struct {
	Release string        `json:"release"`
	Look    int64         `json:"look"` // its number: 1, 2, 3 …
	Verdict guard.Verdict `json:"verdict"`
}

// Look is what the guard was given at one look at a release, and what it said.
type Look struct {
	Look     int64
	Evidence []byte // a row of guard/record
	doc      []byte
}

// Verdict is the guard.Verdict as it was recorded.
func (l Look) Verdict() (json.RawMessage, error) { return inflate(l.doc) }

// InsertVerdict keeps what the guard said at a look, and upon what. It is a Conflict changed_meanwhile when that look
// was recorded before: then another node judges the release, and what was judged here counts for nothing.
func (s notes) InsertVerdict(ctx context.Context, release string, look int64, v guard.Verdict, evidence []byte) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("marshal verdict on %s: %w", release, err)
	}
	doc, err := deflate(text)
	if err != nil {
		return err
	}
	n, err := s.run.exec(ctx, sqlInsertVerdict, release, look, Time{v.At}, string(v.Word), string(v.Action), doc, evidence)
	if err != nil {
		return fmt.Errorf("insert verdict on %s: %w", release, err)
	}
	if n == 0 {
		return changed("verdict", fmt.Sprintf("%s/%d", release, look))
	}
	return nil
}

// VerdictsOf returns the newest verdicts on a release at or after since, up to limit
// (50 when 0), oldest first.
func (r reads) VerdictsOf(ctx context.Context, release string, since time.Time, limit int) ([]Judged, error) {
	out, err := r.judged(ctx, release, sqlVerdictsOf, release, Time{since}, limited(limit))
	slices.Reverse(out)
	return out, err
}

// VerdictsOver returns the last verdict on a release of each step since a time, oldest first: what a picture needs.
func (r reads) VerdictsOver(ctx context.Context, release string, since time.Time,
	step time.Duration) ([]Judged, error) {
	return r.judged(ctx, release, sqlVerdictsOver, release, Time{since}, max(step.Microseconds(), 1))
}

// VerdictChanges returns the newest verdicts since a time that say another word or ask for something else than the one
// before, up to limit (50 when 0), oldest first.
func (r reads) VerdictChanges(ctx context.Context, release string, since time.Time, limit int) ([]Judged, error) {
	return r.judged(ctx, release, sqlVerdictChanges, release, Time{since}, limited(limit))
}

func (r reads) judged(ctx context.Context, release, query string, args ...any) ([]Judged, error) {
	out, err := all(ctx, r.run, scanJudged, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read verdicts on %s: %w", release, err)
	}
	return out, nil
}

func scanJudged(rows *sql.Rows, j *Judged) error {
	var doc []byte
	if err := rows.Scan(&j.Release, &j.Look, &doc); err != nil {
		return err
	}
	text, err := inflate(doc)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &j.Verdict)
}

// LatestVerdict returns the newest verdict on a release, nil when there is none.
func (r reads) LatestVerdict(ctx context.Context, release string) (*Judged, error) {
	out, err := r.VerdictsOf(ctx, release, time.Time{}, 1)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return &out[0], nil
}

// Looks returns up to limit looks at a release after one, in their order.
func (r reads) Looks(ctx context.Context, release string, after int64, limit int) ([]Look, error) {
	out, err := all(ctx, r.run, func(rows *sql.Rows, l *Look) error {
		return rows.Scan(&l.Look, &l.doc, &l.Evidence)
	}, sqlLooks, release, after, limited(limit))
	if err != nil {
		return nil, fmt.Errorf("read looks at %s: %w", release, err)
	}
	return out, nil
}

// PruneVerdicts deletes the verdicts on releases that are over and whose last one is before a time.
func (s notes) PruneVerdicts(ctx context.Context, before time.Time) (int64, error) {
	return s.run.exec(ctx, sqlPruneVerdicts, Time{before})
}

// mostText bounds a document when it is inflated.
const mostText = 16 << 20

// dictionary1 is a verdict as they mostly are: what a document has in common with it takes no room. It is never
// changed, because what was stored can't be read without it; another one gets another number.
//
//go:embed verdict1.dict
var dictionary1 []byte

// deflated1 is the first byte of a document that was deflated by dictionary1.
const deflated1 = 1

// deflate makes a document small, with a checksum at its end. There is one a second for as long as a canary lasts.
func deflate(text []byte) ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte(deflated1)
	w, err := flate.NewWriterDict(&out, flate.DefaultCompression, dictionary1)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("deflate document: %w", err)
	}
	return binary.BigEndian.AppendUint32(out.Bytes(), crc32.ChecksumIEEE(out.Bytes())), nil
}

func inflate(doc []byte) ([]byte, error) {
	n := len(doc) - 4
	if n < 1 || doc[0] != deflated1 || crc32.ChecksumIEEE(doc[:n]) != binary.BigEndian.Uint32(doc[n:]) {
		return nil, fault.New(fault.Internal, "document_broken", "A stored document is damaged: its checksum does not agree.")
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReaderDict(bytes.NewReader(doc[1:n]), dictionary1), mostText))
	if err != nil {
		return nil, fmt.Errorf("inflate document: %w", err)
	}
	return text, nil
}
