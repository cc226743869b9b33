package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/slipwayhq/slipway/internal/event"
)

// How much of a sentence can be searched for.
const (
	maxWords    = 24
	maxWordSize = 64 // bytes
)

// words returns the distinct words of a text in lower case, in their order: runs of
// letters, digits and the signs that versions, addresses and names hold inside.
// Words that nearly every sentence has are left out.
func words(text string) []string {
	var out []string
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-/:@%", r)
	}) {
		w = strings.Trim(w, "._-/:@%")
		if w == "" || len(w) > maxWordSize || common(w) || slices.Contains(out, w) {
			continue
		}
		if out = append(out, w); len(out) == maxWords {
			break
		}
	}
	return out
}

func common(w string) bool {
	switch w {
	case "a", "an", "and", "at", "by", "for", "from", "in", "is", "it", "its", "of", "on", "the", "to", "was", "with":
		return true
	}
	return false
}

// index records the words of an event's sentence.
func (tx *Tx) index(ctx context.Context, e event.Event) error {
	found := words(e.Sentence)
	if len(found) == 0 {
		return nil
	}
	query, args := wordsQuery(e.Seq, found)
	if _, err := tx.run.exec(ctx, query, args...); err != nil {
		return fmt.Errorf("index event %d: %w", e.Seq, err)
	}
	return nil
}

// wordsQuery inserts all words with one statement.
func wordsQuery(seq int64, found []string) (string, []any) {
	var b strings.Builder
	b.WriteString("INSERT INTO event_words (seq, word) VALUES ")
	args := []any{seq}
	for i, w := range found {
		if i > 0 {
			b.WriteString(", ")
		}
		args = append(args, w)
		fmt.Fprintf(&b, "($1, $%d)", len(args))
	}
	return b.String(), args
}
