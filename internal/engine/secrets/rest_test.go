package secrets_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/store"
)

// A seed that is sealed stands in no file of the database: neither one that was made with a vault at hand, nor one that
// lay there as it is and was sealed later.
func TestASealedSeedStandsInNoFile(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{"from the first start": key(1), "sealed later": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "slipway.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			p := &place{t, db}
			seed := func(k *secrets.Keeper) []byte {
				signer, err := k.Signer(t.Context())
				p.ok(err)
				return signer.Seed()
			}
			first, _ := p.node(before, "")
			s := seed(first)
			if found := inFiles(p, dir, s); found != (before == "") {
				t.Errorf("after the first start: in a file %t", found)
			}
			k, unsealed := p.node(key(1), "")
			p.ok(unsealed)
			if !bytes.Equal(s, seed(k)) {
				t.Error("sealing has made another seed")
			}
			if inFiles(p, dir, s) {
				t.Error("the sealed seed still stands in a file")
			}
		})
	}
}

func inFiles(p *place, dir string, what []byte) (found bool) {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	p.ok(err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		p.ok(err)
		found = found || bytes.Contains(b, what)
	}
	return found
}
