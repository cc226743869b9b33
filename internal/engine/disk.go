package engine

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
)

// diskEvery is how often it is looked whether the database has room.
const diskEvery = 5 * time.Second

// mindDisk keeps the database's reserve whole, and tells people when it isn't.
func (e *Engine) mindDisk(ctx context.Context) error {
	tick := time.NewTicker(diskEvery)
	defer tick.Stop()
	for told := e.toldOfDisk(ctx); ; {
		told = e.lookAtDisk(ctx, told)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// roomToRaise keeps what was decided before the disk was full from giving a release more visitors now. It uses up no
// try.
func (e *Engine) roomToRaise(ctx context.Context, x effect.Effect, o routeOrder) error {
	room := e.DB.Room()
	if !room.Full() || o.Ban != "" || !ident.Valid("rel", x.Subject) {
		return nil
	}
	r, err := e.DB.Release(ctx, x.Subject)
	if err != nil || o.Share <= r.Share && (o.Stable != r.Deployment || r.Flag != nil) {
		return err
	}
	return fault.New(fault.Unavailable, provider.UnderWay, "%s Nobody gets %s before there is room.", room.Cause(),
		r.Version)
}

// toldOfDisk reports whether people were told last that there is no room, by an earlier process or another node. What
// a PostgreSQL said then is taken to hold until it has shown room.
func (e *Engine) toldOfDisk(ctx context.Context) bool {
	last, err := e.DB.Events(ctx, lastOfDisk())
	if err != nil || len(last) == 0 || last[0].Kind != diskFull {
		return false
	}
	var room store.Room
	if json.Unmarshal(last[0].Data, &room) == nil {
		e.DB.Doubt(room)
	}
	return true
}

// The kinds of event that tell of the disk, and what all of them are about.
const (
	diskFull  = "disk.full"
	diskRoomy = "disk.roomy"
	disk      = "disk"
)

func lastOfDisk() store.EventFilter {
	return store.EventFilter{Subject: disk, Limit: 1, Descending: true}
}

// lookAtDisk tells that the disk is full, or has room again, and returns which of them people know. That is recorded
// too: on the reserve, and when not even that is left, as soon as there is room for it.
func (e *Engine) lookAtDisk(ctx context.Context, told bool) bool {
	if err := e.DB.Refill(ctx); err != nil {
		e.complain(ctx, slog.LevelWarn, "fill the reserve", "", err)
	}
	room := e.DB.Room()
	if room.Full() == told {
		return told
	}
	d := e.system(diskFull, "", disk, room.Sentence(), room)
	if !room.Full() {
		d = e.system(diskRoomy, "", disk, room.Again(), room)
	}
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		last, err := tx.Events(ctx, lastOfDisk())
		if err != nil || len(last) > 0 && last[0].Kind == d.Kind {
			return err // another node has told of the same database
		}
		_, err = e.append(ctx, tx, d)
		return err
	})
	if err != nil {
		e.complain(ctx, slog.LevelError, "tell of the disk", "", err)
		return told
	}
	return !told
}
