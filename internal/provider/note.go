package provider

import (
	"context"
	"strings"
	"sync"
)

type notesKey struct{}

type notes struct {
	mu   sync.Mutex
	text []string
}

// WithNotes lets a provider tell how it did what it was asked for, where that was not the usual way. The function
// returns what it told.
func WithNotes(ctx context.Context) (context.Context, func() string) {
	n := &notes{}
	return context.WithValue(ctx, notesKey{}, n), func() string {
		n.mu.Lock()
		defer n.mu.Unlock()
		return strings.Join(n.text, " ")
	}
}

// Note tells something to whoever called Route with WithNotes.
func Note(ctx context.Context, sentence string) {
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.text = append(n.text, sentence)
	}
}
