package store

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/slipwayhq/slipway/internal/fault"
)

// A full disk must not keep the guard from taking a canary back, nor a person from killing a flag: both must be
// recorded first. So a file beside a SQLite database takes up room for nothing, and gives it up piece by piece when
// SQLite finds none: whatever else fills the disk gets no more than a piece at a time.
const (
	reserveName  = "-reserve" // after the database's own name
	reservePiece = 2 << 20
)

// reserve is that file.
type reserve struct {
	path string
	cut  func(name string, size int64) error // os.Truncate; a test's disk is a number of pages

	mu     sync.Mutex
	size   int64 // that it should have; 0: this process doesn't look after it
	denied bool  // there was nothing left to give
}

// left is what there is of the file. It is asked for each time: another process may have spent some.
func (r *reserve) left() int64 {
	info, err := os.Stat(r.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// spend gives a piece up and reports whether what found no room may try again.
func (r *reserve) spend() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.left()
	if left == 0 || r.cut(r.path, max(0, left-reservePiece)) != nil {
		r.denied = true
		return false
	}
	return true
}

// refill takes up what is missing, as far as it leaves as much free as the whole reserve: the disk must not go to and
// fro between full and not.
func (r *reserve) refill() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.left()
	missing := r.size - left
	if missing <= 0 {
		return nil
	}
	free, err := freeOn(filepath.Dir(r.path))
	if err != nil {
		return err
	}
	missing = min(missing, free-r.size)
	if missing < min(reservePiece, r.size-left) {
		return nil
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the reserve: %w", err)
	}
	// Noise: a file system that compresses would keep no room for zeros.
	if _, err = io.CopyN(f, rand.NewChaCha8([32]byte{}), missing); err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Truncate(r.path, left) // half a piece helps nobody
		return fmt.Errorf("fill the reserve: %w", err)
	}
	r.denied = false
	return nil
}

// freeOn is the room on the disk of a folder that this process may take.
func freeOn(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("measure the disk of %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert // Bsize has another type on other systems
}

// relieved are a database's small transactions: they try again while the reserve gives.
type relieved struct {
	*sql.DB
	reserve *reserve
}

// ExecContext runs a statement.
func (r relieved) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	for {
		res, err := r.DB.ExecContext(ctx, query, args...)
		if err == nil || !full(err) || !r.reserve.spend() {
			return res, err
		}
	}
}

// Room is the room that a database has: of SQLite what its disk says, of PostgreSQL what it says itself. The zero value
// is of one that is not known to be short of it.
type Room struct {
	Folder  string // on whose disk it is
	Reserve int64  // bytes that the reserve should have
	Left    int64  // that it has
	Free    int64  // beside it
	Spent   bool   // something was not written although the reserve gave all it had
	Server  string // what a PostgreSQL says that has no room for what was to be written; no reserve is kept for it
}

// KeepReserve makes this process look after a reserve of so many bytes. PostgreSQL has none: its disk is not ours.
func (db *DB) KeepReserve(size int64) error {
	if db.reserve == nil {
		return nil
	}
	db.reserve.mu.Lock()
	db.reserve.size = size
	db.reserve.mu.Unlock()
	return db.reserve.refill()
}

// Refill takes up again what was spent of the reserve, as far as there is room. A PostgreSQL that had none is asked
// whether it has some again.
func (db *DB) Refill(ctx context.Context) error {
	if db.reserve == nil {
		return db.tryRoom(ctx)
	}
	return db.reserve.refill()
}

// Room returns what room there is.
func (db *DB) Room() Room {
	if db.reserve == nil {
		return db.short.room()
	}
	r := db.reserve
	r.mu.Lock()
	defer r.mu.Unlock()
	dir := filepath.Dir(r.path)
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole // who reads it stands in another folder
	}
	free, _ := freeOn(dir) // only told
	if r.size == 0 {
		return Room{Folder: dir, Free: free}
	}
	return Room{Folder: dir, Reserve: r.size, Left: r.left(), Free: free, Spent: r.denied}
}

// Full reports whether the reserve had to be touched, and is not whole again.
func (r Room) Full() bool { return r.Left < r.Reserve || r.Server != "" }

// Cause says so in words that do not move while it lasts.
func (r Room) Cause() string {
	if r.Server != "" {
		return "PostgreSQL has no room."
	}
	return "The disk is full."
}

// Again says that there is room again.
func (r Room) Again() string {
	if r.Reserve == 0 {
		return "PostgreSQL has room again."
	}
	return "The disk has room again, and the reserve is whole."
}

// mega is what room is told in.
const mega = 1 << 20

// Sentence says so, and what to do.
func (r Room) Sentence() string {
	if r.Server != "" {
		return fmt.Sprintf("PostgreSQL says that it has no room (%s): nothing can be recorded, or done. Releases stay "+
			"where they are and go on by themselves when it has room.", r.Server)
	}
	if r.Spent {
		return fmt.Sprintf("The disk is full and the reserve is used up: nothing can be recorded, or done. "+
			"%s.", r.make())
	}
	return fmt.Sprintf("The disk is full: %d of %d MB of the reserve are left for what must be recorded. "+
		"%s; nothing new starts before that.", r.Left/mega, r.Reserve/mega, r.make())
}

// make says where room is needed, and how much.
func (r Room) make() string {
	return fmt.Sprintf("Make room on the disk of %s (%d MB are free, %d are needed)", r.Folder, r.Free/mega,
		(2*r.Reserve-r.Left)/mega)
}

// Err refuses what would begin something new while the disk is full.
func (r Room) Err() error {
	if !r.Full() {
		return nil
	}
	return r.Refuse("Nothing new starts before there is room.")
}

// Refuse says that something can't be done before there is room, and where to make some, in the words of each surface.
func (r Room) Refuse(what string) *fault.Error {
	return r.mend(fault.New(fault.Unavailable, "disk_full", "%s %s", r.Cause(), what))
}

// mend says of a fault what to free, and where.
func (r Room) mend(f *fault.Error) *fault.Error {
	if r.Folder == "" {
		const where = "Make room on the disk that holds PostgreSQL's data, or raise its quota"
		return f.At(fault.Page, where+"; what waits goes on by itself then.").At(fault.API, where+".").
			At(fault.Command, where+" (SHOW data_directory, in psql, names the folder). What waits goes on by itself then: "+
				"slipway status says so.")
	}
	const what = "delete or move what else fills it, such as old logs, builds and backups, and never a file whose name " +
		"begins like the database's"
	return f.At(fault.Page, "%s, where Slipway runs: %s. What waits goes on by itself then.", r.make(), what).
		At(fault.API, "%s: %s.", r.make(), what).
		At(fault.Command, "%s, where `slipway up` runs: df -h %s names that disk, du -xh -d1 what fills it; %s. What waits "+
			"goes on by itself then: slipway status says so.", r.make(), r.Folder, what)
}
