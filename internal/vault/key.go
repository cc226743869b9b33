package vault

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

// load returns the keys, the one that seals first.
func (v *Vault) load(fresh bool) ([]key, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.keys) > 0 {
		return v.keys, nil
	}
	err := v.read()
	if errors.Is(err, fs.ErrNotExist) && v.o.Make && fresh {
		if err = add(v.o.File, nil); err == nil {
			err = v.read()
		}
	}
	return v.keys, v.asked(err, fresh)
}

// Knows faults where no key with the id is among the vault's: what it sealed can't be opened.
func (v *Vault) Knows(id string) error {
	_, err := v.find(id)
	return err
}

// find returns the key with the id, once more from where the keys are when it is not known: somebody may have added it.
func (v *Vault) find(id string) (key, error) {
	keys, err := v.load(false)
	if err != nil {
		return key{}, err
	}
	for range 2 {
		for _, k := range keys {
			if k.id == id {
				return k, nil
			}
		}
		if err := v.Reload(); err != nil {
			return key{}, err
		}
		if keys, err = v.load(false); err != nil {
			return key{}, err
		}
	}
	return key{}, fault.New(fault.Unavailable, "vault_key_unknown",
		"A secret was sealed with the key %s, which is not among the vault's keys: give it back to %s, or set the secret "+
			"again.", id, v.where())
}

func (v *Vault) where() string {
	if v.o.Keys() != "" || v.o.File == "" {
		return EnvKeys
	}
	return v.o.File
}

// Reload reads the keys again, as after somebody changed them.
func (v *Vault) Reload() error { return v.reload(false) }

func (v *Vault) reload(fresh bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked(v.read(), fresh)
}

// asked tells what to do where there is no key: the same one again, where something was sealed with it.
func (v *Vault) asked(err error, fresh bool) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	const made = "32 bytes in base64, such as openssl rand -base64 32 makes"
	file := v.o.File
	missing := func(format string, args ...any) error {
		return fault.New(fault.Refused, "vault_key_missing", format, args...)
	}
	switch {
	case fresh && file == "":
		return missing("Slipway has no key to seal secrets with. Set %s to %s, on every node, or name a file with it in %s.",
			EnvKeys, made, EnvFile)
	case fresh:
		return missing("Slipway has no key to seal secrets with: %s holds none. Write %s into it, on every node.", file, made)
	}
	what := fmt.Sprintf("set %s to it, or name a file with it in %s", EnvKeys, EnvFile)
	switch {
	case v.o.Make:
		what = fmt.Sprintf("it was in %s, which was made beside the database: bring that back from a backup", file)
	case file != "":
		what = fmt.Sprintf("%s, which %s names, does not hold it: bring it back", file, EnvFile)
	}
	return missing("The key that secrets were sealed with is missing: %s. If it is lost, set %s to another one, and set "+
		"the secrets again.", what, EnvKeys)
}

// read takes the keys from the environment or the file. The lock is held. What was known stays when it fails.
func (v *Vault) read() error {
	text := v.o.Keys()
	if strings.TrimSpace(text) == "" {
		if v.o.File == "" {
			return fs.ErrNotExist
		}
		info, err := os.Stat(v.o.File)
		if err != nil {
			return unreadable(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			return fault.New(fault.Refused, "vault_key_open",
				"Others on this machine may read the vault's key %s: chmod 600 %s.", v.o.File, v.o.File)
		}
		raw, err := os.ReadFile(v.o.File)
		if err != nil {
			return unreadable(err)
		}
		text = string(raw)
	}
	keys, err := parse(text)
	if err != nil {
		return err
	}
	v.keys = keys
	return nil
}

func unreadable(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	return fault.Wrap(err, fault.Unavailable, "vault_key_unreadable", "The vault's key can't be read.")
}

// parse reads keys, parted by commas or lines. The text itself is in no fault.
func parse(text string) ([]key, error) {
	var out []key
	for _, s := range masters(text) {
		master, err := decode(s)
		if err != nil {
			return nil, err
		}
		k, err := newKey(master)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(o key) bool { return o.id == k.id }) {
			continue
		}
		out = append(out, k)
	}
	if len(out) == 0 {
		return nil, fs.ErrNotExist
	}
	return out, nil
}

func masters(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for s := range strings.SplitSeq(line, ",") {
			if s = strings.TrimSpace(s); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

func decode(s string) ([]byte, error) {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding,
		base64.RawURLEncoding} {
		if b, err := e.Strict().DecodeString(s); err == nil && len(b) == keySize {
			return b, nil
		}
	}
	return nil, fault.New(fault.Invalid, "vault_key_malformed",
		"A key of the vault is 32 bytes in base64, such as openssl rand -base64 32 makes; one of those given is not.")
}

// Renew puts a new key before the others in the file that Slipway made, and returns its id. Keys that were given, in
// the environment or a file that it names, are changed there: then nothing is made, and the first one is returned. A
// file that is missing is made only when nothing was ever sealed (fresh): else the keys in it, which this process may
// still know, would be lost for good.
func (v *Vault) Renew(fresh bool) (string, error) {
	if v.Own() {
		raw, err := os.ReadFile(v.o.File)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", unreadable(err)
		}
		if err != nil && !fresh {
			return "", v.asked(fs.ErrNotExist, false)
		}
		if err := add(v.o.File, raw); err != nil {
			return "", err
		}
	}
	if err := v.reload(fresh); err != nil {
		return "", err
	}
	return v.Current(false)
}

// Own reports whether Slipway made the file of keys, and so may change it.
func (v *Vault) Own() bool { return strings.TrimSpace(v.o.Keys()) == "" && v.o.Make && v.o.File != "" }

// add writes a file with a new key before what it held, in one move. A first one never goes over what another
// process made meanwhile.
func add(file string, held []byte) error {
	master := make([]byte, keySize)
	if _, err := rand.Read(master); err != nil {
		return fault.Wrap(err, fault.Internal, "random", "There is no randomness to make a key of.")
	}
	text := base64.StdEncoding.EncodeToString(master) + "\n"
	if held == nil {
		text = "# The keys of Slipway's vault: the first seals, all open. Keep a copy apart from the database's.\n" + text
	}
	failed := func(err error) error {
		return fault.Wrap(err, fault.Unavailable, "vault_key_unwritable",
			"The vault's key can't be written to %s. Give one in %s instead.", file, EnvKeys)
	}
	next, err := os.CreateTemp(filepath.Dir(file), ".vault-*") // 0600
	if err != nil {
		return failed(err)
	}
	defer func() { _ = os.Remove(next.Name()) }()
	if _, err = next.WriteString(text + string(held)); err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err != nil {
		return failed(err)
	}
	if held != nil {
		err = os.Rename(next.Name(), file)
	} else if err = os.Link(next.Name(), file); errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return failed(err)
	}
	return nil
}
