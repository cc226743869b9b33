package vault_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/vault"
)

func given(keys ...byte) *vault.Vault {
	var list []string
	for _, k := range keys {
		list = append(list, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{k}, 32)))
	}
	return vault.New(vault.Options{Keys: func() string { return strings.Join(list, ",") }})
}

func seal(t *testing.T, v *vault.Vault, app, name, secret string) string {
	t.Helper()
	out, err := v.Seal(app, name, []byte(secret), true)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatIsSealedOpensUnderItsNameOnly(t *testing.T) {
	t.Parallel()
	const secret = "tok_very-secret"
	v := given(1)
	box := seal(t, v, "shop", "vercel/token", secret)
	if strings.Contains(box, secret) || box == seal(t, v, "shop", "vercel/token", secret) {
		t.Errorf("the envelope %s shows the secret, or is the same twice", box)
	}
	got, err := v.Open("shop", "vercel/token", box)
	if err != nil || string(got) != secret {
		t.Fatalf("opened %q, %v", got, err)
	}
	for _, at := range [][2]string{{"shop", "vercel/other"}, {"other", "vercel/token"}, {"shopvercel/", "token"}} {
		if got, err := v.Open(at[0], at[1], box); fault.ReasonOf(err) != "vault_broken" {
			t.Errorf("moved to %v it opened as %q, %v", at, got, err)
		}
	}
	for i := range box {
		changed := []byte(box)
		changed[i] ^= 1
		if got, err := v.Open("shop", "vercel/token", string(changed)); err == nil && string(got) != secret || err == nil &&
			i < len(box)-1 { // the last character has bits that say nothing
			t.Fatalf("with byte %d changed it opened as %q", i, got)
		} else if err != nil && strings.Contains(err.Error(), secret) {
			t.Fatalf("the fault tells the secret: %v", err)
		}
	}
}

func TestOldKeysOpenAndTheFirstSeals(t *testing.T) {
	t.Parallel()
	old := seal(t, given(1), "shop", "a", "one")
	both := given(2, 1)
	got, err := both.Open("shop", "a", old)
	if err != nil || string(got) != "one" {
		t.Fatalf("the old key opened %q, %v", got, err)
	}
	current, err := both.Current(false)
	if err != nil || vault.KeyOf(old) == current || vault.KeyOf(seal(t, both, "shop", "a", "one")) != current {
		t.Errorf("sealed with another key than the first, %v", err)
	}
	if _, err := given(2).Open("shop", "a", old); fault.ReasonOf(err) != "vault_key_unknown" ||
		!strings.Contains(err.Error(), vault.KeyOf(old)) {
		t.Errorf("without the old key: %v, want the key's id", err)
	}
}

func TestASumTellsLikenessOnly(t *testing.T) {
	t.Parallel()
	v := given(1)
	sum, err := v.Sum("shop", "production/API_KEY", "s3cret", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		v           *vault.Vault
		name, value string
		alike, know bool
	}{
		{v, "production/API_KEY", "s3cret", true, true},
		{v, "production/API_KEY", "other", false, true},
		{v, "production/OTHER", "s3cret", false, true}, // like values of two names are not told
		{given(2, 1), "production/API_KEY", "s3cret", true, true},
		{given(2), "production/API_KEY", "s3cret", false, false},
	} {
		alike, known, err := c.v.Alike("shop", c.name, c.value, sum)
		if err != nil || alike != c.alike || known != c.know {
			t.Errorf("%s=%s: %t %t %v", c.name, c.value, alike, known, err)
		}
	}
	if strings.Contains(sum, "s3cret") {
		t.Errorf("the sum %s tells the value", sum)
	}
}

func TestTheFileIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "slipway.db.key")
	open := func(may bool) *vault.Vault { return vault.New(vault.Options{File: file, Make: may}) }
	for _, c := range []struct {
		name        string
		make, fresh bool
	}{{"may not", false, true}, {"something was sealed before", true, false}} {
		if _, err := open(c.make).Seal("shop", "a", []byte("x"), c.fresh); fault.ReasonOf(err) != "vault_key_missing" {
			t.Fatalf("%s: %v", c.name, err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Fatalf("%s: a key was made all the same", c.name)
		}
	}
	box := seal(t, open(true), "shop", "a", "x")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file: %v, %v; want it for its owner only", info.Mode(), err)
	}
	again := open(true)
	if got, err := again.Open("shop", "a", box); err != nil || string(got) != "x" {
		t.Fatalf("after a restart: %q, %v", got, err)
	}
	id, err := open(true).Renew(false)
	if err != nil || id == vault.KeyOf(box) {
		t.Fatalf("renewed to %s, %v", id, err)
	}
	next := open(true)
	if got, err := next.Open("shop", "a", box); err != nil || string(got) != "x" || vault.KeyOf(seal(t, next, "shop", "a",
		"x")) != id {
		t.Errorf("after a renewal: %q, %v", got, err)
	}
	if got, err := again.Open("shop", "b", seal(t, next, "shop", "b", "y")); err != nil || string(got) != "y" {
		t.Errorf("a process that had read the old file only: %q, %v", got, err)
	}
	if err := next.Knows(vault.KeyOf(box)); err != nil || next.Knows("0123456789") == nil {
		t.Errorf("the old key, and one that is not there: %v", err)
	}
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Renew(false); fault.ReasonOf(err) != "vault_key_missing" {
		t.Errorf("the file is gone while what it sealed is there: %v", err)
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := open(true).Seal("shop", "a", nil, false); fault.ReasonOf(err) != "vault_key_open" {
		t.Errorf("a key that others may read: %v", err)
	}
}

func TestAKeyThatIsNoneIsRefusedAndNotTold(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString(make([]byte, 31))
	for _, keys := range []string{"hunter2", short, strings.Repeat("A", 45)} {
		v := vault.New(vault.Options{Keys: func() string { return keys }})
		_, err := v.Seal("shop", "a", []byte("x"), true)
		if fault.ReasonOf(err) != "vault_key_malformed" || strings.Contains(err.Error(), keys) {
			t.Errorf("%q: %v", keys, err)
		}
	}
	_, err := vault.New(vault.Options{}).Seal("shop", "a", []byte("x"), true)
	if fault.ReasonOf(err) != "vault_key_missing" || !strings.Contains(err.Error(), vault.EnvKeys) {
		t.Errorf("no key at all: %v", err)
	}
}

// TestWhatIsAskedForFitsThePlaceOfTheKey: another key is asked for only where nothing stands on one.
func TestWhatIsAskedForFitsThePlaceOfTheKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys")
	for _, c := range []struct {
		name  string
		o     vault.Options
		fresh bool
		want  string
		not   string
	}{
		{"nothing is given", vault.Options{}, true, "Set SLIPWAY_VAULT_KEY to 32 bytes", "lost"},
		{"a file is named", vault.Options{File: file}, true, "keys holds none. Write 32 bytes", "backup"},
		{"the environment had it", vault.Options{}, false, "is missing: set SLIPWAY_VAULT_KEY to it", "32 bytes"},
		{"the named file had it", vault.Options{File: file}, false, "which SLIPWAY_VAULT_KEY_FILE names", "beside"},
		{"the file that was made had it", vault.Options{File: file, Make: true}, false, "from a backup", "32 bytes"},
	} {
		_, err := vault.New(c.o).Seal("shop", "a", []byte("x"), c.fresh)
		if fault.ReasonOf(err) != "vault_key_missing" || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), c.not) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestKeysInANamedFileAreChangedThere: as those in the environment are.
func TestKeysInANamedFileAreChangedThere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys")
	write := func(keys ...byte) string {
		var text string
		for _, k := range keys {
			text += base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{k}, 32)) + "\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return text
	}
	write(1)
	v := vault.New(vault.Options{File: file})
	box := seal(t, v, "shop", "a", "x")
	text := write(2, 1)
	id, err := v.Renew(false)
	if err != nil || id == vault.KeyOf(box) || vault.KeyOf(seal(t, v, "shop", "a", "x")) != id {
		t.Errorf("%q, %v: the first key of the file seals", id, err)
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != text {
		t.Errorf("the file was changed: %s, %v", raw, err)
	}
}
