package openfeature

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
func save(path string, s *snapshot) error {
	r := record{ETag: s.etag, Document: s.text}
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
		_, err = f.Write(append(s.text[:len(s.text):len(s.text)], '}', '\n'))
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
func (p *Provider) load() (*snapshot, error) {
	f, err := os.Open(p.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the file of flags: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, most))
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
	s, err := p.read(r.Document, r.ETag)
	if err != nil {
		return nil, err
	}
	s.kept = true
	return s, nil
}

// start begins with the flags of the file, if it has good ones.
func (p *Provider) start() {
	s, err := p.load()
	switch {
	case err != nil:
		p.log.Warn("flags do not start from the file", "file", p.file, "error", err)
	case s != nil:
		p.current.Store(s)
		p.log.Info("flags start from the file", "file", p.file, "generation", s.generation)
	}
}
