package credential

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/slipwayhq/slipway/internal/fault"
)

// params are the costs of one Argon2id hash.
type params struct {
	memory  uint32 // KiB
	time    uint32 // passes
	threads uint8
}

// current is the second recommended option of RFC 9106, section 4: 64 MiB, three
// passes, four lanes. The first option's 2 GiB would let two logins fill a small
// machine.
const (
	currentMemory  = 64 * 1024
	currentTime    = 3
	currentThreads = 4
	saltBytes      = 16
	tagBytes       = 32
)

// The costs that a kept hash may ask for: whoever can write a hash into the
// database must not be able to make a login take all memory.
const (
	maxMemory  = 128 * 1024
	maxTime    = 8
	maxThreads = 16
)

// Hasher hashes passwords, a few at a time: each takes 64 MiB while it runs.
type Hasher struct {
	slots chan struct{} // capacity: hashes at once
	now   params
}

// NewHasher returns a hasher that works on at most two passwords at once: 128 MiB.
func NewHasher() *Hasher {
	return newHasher(params{memory: currentMemory, time: currentTime, threads: currentThreads})
}

func newHasher(p params) *Hasher { return &Hasher{slots: make(chan struct{}, 2), now: p} }

// Hash returns the PHC string for a password. It waits its turn until ctx ends and
// does not judge the password: CheckPassword does.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: see crypto/rand
	tag, err := h.run(ctx, password, salt, h.now, tagBytes)
	if err != nil {
		return "", err
	}
	return phc{params: h.now, salt: salt, tag: tag}.String(), nil
}

// Verify reports whether the password is the one of the PHC string. An empty
// string stands for a user who does not exist: it costs as much time as any other
// and is never right, so that an answer's duration does not tell who has an account.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (bool, error) {
	kept := phc{params: h.now, salt: make([]byte, saltBytes), tag: make([]byte, tagBytes)}
	if encoded != "" {
		var err error
		if kept, err = parsePHC(encoded); err != nil {
			return false, err
		}
	}
	if len(password) > maxPasswordBytes {
		password = "" // as slow as any, and never right: no kept password is empty
		encoded = ""
	}
	tag, err := h.run(ctx, password, kept.salt, kept.params, len(kept.tag))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(tag, kept.tag) == 1 && encoded != "", nil
}

// Outdated reports whether a PHC string was made with other costs than today's, so
// that the password should be hashed again at the next good login.
func (h *Hasher) Outdated(encoded string) bool {
	p, err := parsePHC(encoded)
	return err != nil || p.params != h.now || len(p.salt) < saltBytes || len(p.tag) < tagBytes
}

func (h *Hasher) run(ctx context.Context, password string, salt []byte, p params, size int) ([]byte, error) {
	if err := ctx.Err(); err != nil { // select would choose by chance
		return nil, busy(err)
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		return argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, uint32(size)), nil
	case <-ctx.Done():
		return nil, busy(ctx.Err())
	}
}

func busy(err error) error {
	return fault.Wrap(err, fault.Unavailable, "hashing_busy",
		"Too many people are signing in right now. Try again in a moment.")
}

// phc is a password hash in the PHC string format:
// $argon2id$v=19$m=65536,t=3,p=4$<salt>$<tag>, base64 without padding.
type phc struct {
	params
	salt, tag []byte
}

// String writes the canonical form.
func (p phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		b64.EncodeToString(p.salt), b64.EncodeToString(p.tag))
}

// parsePHC reads the canonical form and nothing else, within the cost limits. Its
// faults name no part of the hash.
func parsePHC(s string) (phc, error) {
	bad := func(what string) (phc, error) {
		return phc{}, fault.New(fault.Internal, "password_hash_malformed", "A kept password hash is unreadable: %s.", what)
	}
	parts := strings.Split(s, "$")
	if len(s) > 512 || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return bad("it is not an Argon2id PHC string")
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return bad("its version is not 19")
	}
	var p phc
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return bad("its costs are not m, t and p")
	}
	m, okM := cost(costs[0], "m=", maxMemory)
	t, okT := cost(costs[1], "t=", maxTime)
	lanes, okP := cost(costs[2], "p=", maxThreads)
	if !okM || !okT || !okP || m < 8*lanes {
		return bad("its costs are out of bounds")
	}
	p.params = params{memory: m, time: t, threads: uint8(lanes)}
	var errSalt, errTag error
	p.salt, errSalt = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	p.tag, errTag = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errSalt != nil || errTag != nil || len(p.salt) < 8 || len(p.salt) > 64 || len(p.tag) < 16 || len(p.tag) > 64 {
		return bad("its salt or tag is out of bounds")
	}
	if p.String() != s { // the decoder skips line breaks
		return bad("it is not in canonical form")
	}
	return p, nil
}

// cost reads key and a number from 1 to limit without leading zeros.
func cost(s, key string, limit uint32) (uint32, bool) {
	digits, ok := strings.CutPrefix(s, key)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n < 1 || n > uint64(limit) || strconv.FormatUint(n, 10) != digits {
		return 0, false
	}
	return uint32(n), true
}
