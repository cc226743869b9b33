package provider

import (
	"context"
	"encoding/json"
	"time"
)

// Near is a small store that a platform keeps where visitors' requests are served, as Vercel's Global Config: it is
// read often and written seldom.
type Near interface {
	// ReadNear returns what was last written under a key, nil when nothing was.
	ReadNear(ctx context.Context, key string) (json.RawMessage, error)
	// WriteNear puts a document under its key and returns when visitors' requests read it. Faults: Limited when the
	// budget of writes is used up; Refused or Invalid when the platform does not take the document as it is; Unavailable
	// when it is not known to be there: read again.
	WriteNear(ctx context.Context, d NearDocument) error
	// NearRoom says how much may be written.
	NearRoom(ctx context.Context) (NearRoom, error)
}

// NearDocument is a JSON value for a Near.
type NearDocument struct {
	Key    string
	Value  json.RawMessage
	Note   string // for people who look at the store
	Urgent bool   // it turns something off: it may use what is kept for that
}

// NearRoom is what a Near still takes.
type NearRoom struct {
	Bytes int       // the most that fits into it; 0: not known
	All   int       // writes that ordinary documents have in a period
	Left  int       // of them
	Until time.Time // when the period ends
}
