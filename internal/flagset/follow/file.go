package follow

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// record is what the file holds.
type record struct {
	Sum      string          `json:"sha256"` // of the tag and the document
	ETag     string          `json:"etag"`
	Document json.RawMessage `json:"document"`
}

func (r record) sum() string {
	h := sha256.New()
	_, _ = h.Write([]byte(r.ETag + "\n"))
	_, _ = h.Write(r.Document)
	return hex.EncodeToString(h.Sum(nil))
}

// save keeps the flags, so that the file is at every moment the old or the new one as a whole.
func save(path string, s *Snapshot) error {
	r := record{ETag: s.ETag, Document: s.Text}
	head, err := json.Marshal(map[string]string{"sha256": r.sum(), "etag": r.ETag})
	if err != nil {
		return fmt.Errorf("encode the flags: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".slipway-flags-*") // 0600
	if err != nil {
		return fmt.Errorf("create the file of flags: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	// By hand, because an encoder would rewrite the document, and the sum is over its bytes.
	_, err = fmt.Fprintf(f, "%s,\"document\":", head[:len(head)-1])
	if err == nil {
		_, err = f.Write(append(s.Text[:len(s.Text):len(s.Text)], '}', '\n'))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the flags: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("replace the file of flags: %w", err)
	}
	d, err := os.Open(filepath.Dir(path)) // so that the rename survives a loss of power
	if err != nil {
		return fmt.Errorf("open the folder of the flags: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the folder of the flags: %w", err)
	}
	return nil
}

// load reads what save wrote; nothing and no error when there is no file. A damaged file is refused as a whole.
func (f *Follower) load() (*Snapshot, error) {
	file, err := os.Open(f.o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the file of flags: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return nil, fmt.Errorf("read the file of flags: %w", err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read the file of flags: %w", err)
	}
	if r.sum() != r.Sum {
		return nil, errors.New("the checksum of the file of flags does not match")
	}
	s, err := read(r.Document, r.ETag, nil)
	if err != nil {
		return nil, err
	}
	s.kept = true
	return s, nil
}

// Restore begins with the flags of the file, if there is one with good ones and nothing else is in force.
func (f *Follower) Restore() {
	if f.o.File == "" || f.current.Load() != nil {
		return
	}
	s, err := f.load()
	switch {
	case err != nil:
		f.o.Log.Warn("flags do not start from the file", "file", f.o.File, "error", err)
	case s != nil:
		f.current.Store(s)
		f.o.Took(s, nil)
		f.o.Log.Info("flags start from the file", "file", f.o.File, "generation", s.Generation)
	}
}
