package follow

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/fault"
)

// snapshot is the file from which an edge starts when its control is away.
type snapshot struct {
	Sum    string              `json:"sha256"` // of the table and the builds as they stand in the file
	Table  json.RawMessage     `json:"table"`
	Builds map[string][]string `json:"builds,omitempty"` // learned, so that pins survive a restart
}

// saveSnapshot writes t so that the file is at every moment either the old or the
// new one as a whole.
func saveSnapshot(path string, t edge.Table, builds map[string][]string) error {
	table, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode the table: %w", err)
	}
	s := snapshot{Table: table, Builds: builds}
	if s.Sum, err = s.sum(); err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the snapshot: %w", err)
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".edge-table-*")
	if err != nil {
		return fmt.Errorf("create the snapshot: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("replace the snapshot: %w", err)
	}
	return syncDir(dir)
}

// syncDir makes a rename in dir survive a loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the snapshot's folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the snapshot's folder: %w", err)
	}
	return nil
}

// loadSnapshot reads what saveSnapshot wrote, and says false when there is no file.
// A file that is damaged in any way is refused as a whole: an older table could
// send people to a version that was taken back since.
func loadSnapshot(path string) (edge.Table, map[string][]string, bool, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return edge.Table{}, nil, false, nil
	case err != nil:
		return edge.Table{}, nil, false, fmt.Errorf("find the snapshot: %w", err)
	case info.Size() > 2*edge.MaxTableBytes:
		return edge.Table{}, nil, false, damaged(path, nil)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return edge.Table{}, nil, false, fmt.Errorf("read the snapshot: %w", err)
	}
	t, builds, err := parseSnapshot(b)
	if err != nil {
		return edge.Table{}, nil, false, damaged(path, err)
	}
	return t, builds, true, nil
}

func parseSnapshot(b []byte) (edge.Table, map[string][]string, error) {
	var s snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return edge.Table{}, nil, fmt.Errorf("decode: %w", err)
	}
	sum, err := s.sum()
	if err != nil {
		return edge.Table{}, nil, err
	}
	if sum != s.Sum {
		return edge.Table{}, nil, errors.New("the checksum does not match")
	}
	t, err := edge.DecodeTable(s.Table)
	if err != nil {
		return edge.Table{}, nil, err
	}
	return t, s.Builds, nil
}

// sum covers the bytes of the table and the builds in the order of their names.
func (s snapshot) sum() (string, error) {
	if len(s.Builds) == 0 {
		s.Builds = nil // the file leaves out an empty one
	}
	builds, err := json.Marshal(s.Builds)
	if err != nil {
		return "", fmt.Errorf("encode the builds: %w", err)
	}
	h := sha256.New()
	_, _ = h.Write(s.Table)
	_, _ = h.Write([]byte{'\n'})
	_, _ = h.Write(builds)
	return hex.EncodeToString(h.Sum(nil)), nil
}

func damaged(path string, err error) error {
	return fault.Wrap(err, fault.Invalid, "snapshot_damaged", "the snapshot %s is damaged and was not used", path)
}
