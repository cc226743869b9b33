package vercel

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// TableKey is the item of the Global Config that the application's proxy reads.
const TableKey = "slipway"

// Table is that item: docs/vercel-proxy-table.md says what its reader does.
type Table struct {
	V          int      `json:"v"`
	Generation uint64   `json:"generation"`
	App        string   `json:"app"`
	Salt       string   `json:"salt"`
	Share      float64  `json:"share"`
	Stable     Side     `json:"stable"`
	Canary     *Side    `json:"canary,omitempty"`
	Banned     []string `json:"banned,omitempty"`
	Kept       []Kept   `json:"kept,omitempty"`
}

// Side is a deployment of a Table.
type Side struct {
	ID  string `json:"id"`
	URL string `json:"url"`
}

// Kept is a deployment that pages may still be open of: until then (ms) the proxy sends there what they ask for, so
// that open pages keep their build on every plan.
type Kept struct {
	ID    string `json:"id"`
	URL   string `json:"url"`
	Until int64  `json:"until"`
}

func tableOf(w wanted) Table {
	t := Table{V: 1, Generation: w.Generation, App: w.App, Salt: w.Salt, Stable: Side(w.Stable), Banned: w.Banned,
		Kept: w.Kept}
	if w.canary() != "" {
		c := Side(*w.Canary)
		t.Canary, t.Share = &c, w.Share
	}
	return t
}

// readTable returns the table that visitors' requests are decided by, nil when there is none.
func (p *Provider) readTable(ctx context.Context) (*Table, error) {
	if p.o.Config == "" {
		return nil, nil
	}
	var t Table
	var err error
	if p.o.Client.CanRead(ctx) {
		err = p.o.Client.ReadItem(ctx, p.o.Config, TableKey, time.Time{}, &t)
	} else {
		err = p.o.Client.Item(ctx, p.o.Config, TableKey, &t)
	}
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// table writes the table, unless it stands there, and waits until visitors' requests are decided by it.
func (m *mover) table(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.p.o.Confirm)
	defer cancel()
	want := tableOf(m.w)
	have, err := m.p.readTable(ctx)
	switch {
	case err != nil && !m.w.Back: // a way back is written without knowing what stands there
		return err
	case have != nil && reflect.DeepEqual(*have, want):
		return m.p.fence(ctx, m.w)
	case have != nil && have.Generation > want.Generation:
		if err := m.p.fence(ctx, m.w); err != nil {
			return err
		}
		return fault.New(fault.Unavailable, "table_ahead",
			"The table in the Global Config is of generation %d, and Slipway is at %d: it follows another database, such as "+
				"one that a backup has replaced. Delete its item %q and try again.", have.Generation, want.Generation, TableKey)
	}
	if err := m.p.spend(ctx, theTable, m.w.Back); err != nil {
		return err
	}
	if err := m.p.fence(ctx, m.w); err != nil {
		return err
	}
	m.wrote = true
	if err := m.p.o.Client.PutItems(ctx, m.p.o.Config, api.Item{Operation: "upsert", Key: TableKey, Value: want,
		Description: fmt.Sprintf("Slipway, routing %d", want.Generation)}); err != nil {
		return err
	}
	for { // without asking for what was just written: visitors' requests do not ask for that either
		have, err := m.p.readTable(ctx)
		if err == nil && have != nil && reflect.DeepEqual(*have, want) {
			return m.p.seen("table", stampOf(want.Generation), time.Time{})
		}
		if err == nil && have != nil && have.Generation > want.Generation {
			return m.p.fence(ctx, m.w)
		}
		if m.pause(ctx) != nil {
			return fault.Wrap(err, fault.Unavailable, "table_late",
				"The table is written, and visitors' requests are not decided by it yet: it takes up to ten seconds.")
		}
	}
}
