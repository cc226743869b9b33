// Package record packs what the guard was given at each look, so that every verdict can be made again from what was
// stored.
//
// A Tape writes looks one after the other, each as what differs from the one before: the seconds of both versions since
// then, bucket by bucket as they were judged, the new probes and spans of custom metrics, and of the small rest what
// changed. Reading the rows in their order gives every guard.Evidence and its rules back. A row carries a checksum: one
// changed byte is found.
package record

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
)

// The first byte of a row: how the rest is written, and whether it begins anew.
const (
	plain    = 1
	deflated = 2
	begins   = 0x10
)

// worth is the size in bytes from which a row is deflated. Most are smaller: reading them again must be cheap, because
// a node that takes over reads all of them.
const worth = 1024

// maxRow bounds a row when it is unpacked.
const maxRow = 32 << 20

// Tape is where a reading or writing of a release's looks stands. The zero value stands at the beginning. It is not
// safe for concurrent use.
type Tape struct {
	begun  bool
	parts  map[string]json.RawMessage // the small parts, as the last look had them
	whole  small                      // the same, read
	now    time.Time
	probes [2][]guard.Probe
}

// Clone returns a Tape that stands at the same place and goes its own way.
func (t *Tape) Clone() *Tape {
	return &Tape{begun: t.begun, parts: maps.Clone(t.parts), whole: t.whole, now: t.now, probes: t.probes}
}

// bulky are the parts that are packed by themselves.
func bulky() []string {
	return []string{"now", "complete", "canary", "stable", "canary_health", "stable_health", "values"}
}

// small is everything else: what seldom changes. Fields that the guard's evidence gets later are among it by
// themselves.
type small struct {
	Rules guard.Rules `json:"rules"`
	guard.Evidence
	CanaryID string `json:"canary_id"` // the deployments, which each second would name again
	StableID string `json:"stable_id"`
}

// Pack returns a look as a row and moves on.
func (t *Tape) Pack(rules guard.Rules, ev guard.Evidence) ([]byte, error) {
	parts, err := partsOf(rules, ev)
	if err != nil {
		return nil, err
	}
	for name, n := range map[string]int{"canary_id": len(ev.Canary), "stable_id": len(ev.Stable)} {
		if before := t.parts[name]; n == 0 && before != nil {
			parts[name] = before // a second without requests changes no name
		}
	}
	changed := map[string]json.RawMessage{}
	for name, text := range parts {
		if !bytes.Equal(t.parts[name], text) {
			changed[name] = text
		}
	}
	for name := range t.parts {
		if _, still := parts[name]; !still {
			changed[name] = json.RawMessage("null")
		}
	}
	var p packer
	p.int(ev.Now.UnixNano() - t.nanos())
	p.int(ev.Complete - ev.Now.Unix())
	if len(changed) == 0 {
		p.bytes(nil)
	} else {
		text, err := json.Marshal(changed)
		if err != nil {
			return nil, fmt.Errorf("pack evidence: %w", err)
		}
		p.bytes(text)
	}
	p.buckets(ev.Canary, first(ev.Canary), ev.Complete)
	p.buckets(ev.Stable, first(ev.Stable), ev.Complete)
	for arm, list := range [2][]guard.Probe{ev.CanaryHealth, ev.StableHealth} {
		p.probes(t.probes[arm], list, ev.Now)
		t.probes[arm] = slices.Clone(list)
	}
	p.values(ev.Values, ev.Complete)
	row, err := finish(p.b, !t.begun)
	if err != nil {
		return nil, err
	}
	if len(changed) > 0 {
		if t.whole, err = wholeOf(parts); err != nil {
			return nil, err
		}
	}
	t.begun, t.parts, t.now = true, parts, ev.Now
	return row, nil
}

func (t *Tape) nanos() int64 {
	if t.now.IsZero() {
		return 0
	}
	return t.now.UnixNano()
}

// partsOf are the small parts by their names.
func partsOf(rules guard.Rules, ev guard.Evidence) (map[string]json.RawMessage, error) {
	s := small{Rules: rules, Evidence: ev, CanaryID: first(ev.Canary), StableID: first(ev.Stable)}
	s.Canary, s.Stable, s.CanaryHealth, s.StableHealth, s.Values = nil, nil, nil, nil, nil
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("pack evidence: %w", err)
	}
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, fmt.Errorf("pack evidence: %w", err)
	}
	for _, name := range bulky() {
		delete(parts, name)
	}
	return parts, nil
}

// finish deflates what is worth it, and adds the checksum.
func finish(body []byte, begin bool) ([]byte, error) {
	format := byte(plain)
	if len(body) >= worth {
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.DefaultCompression)
		if err == nil {
			_, err = w.Write(body)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("pack evidence: %w", err)
		}
		if out.Len() < len(body) {
			format, body = deflated, out.Bytes()
		}
	}
	if begin {
		format |= begins
	}
	row := append([]byte{format}, body...)
	return binary.BigEndian.AppendUint32(row, crc32.ChecksumIEEE(row)), nil
}

// broken says that a row is not what was written.
func broken(why string) error {
	return fault.New(fault.Internal, "evidence_broken", "Stored evidence can't be read: %s.", why)
}

// open is the other way round of finish.
func open(row []byte) ([]byte, error) {
	if len(row) < 5 {
		return nil, broken("it is too short")
	}
	row, sum := row[:len(row)-4], row[len(row)-4:]
	if crc32.ChecksumIEEE(row) != binary.BigEndian.Uint32(sum) {
		return nil, broken("its checksum does not agree")
	}
	switch row[0] &^ begins {
	case plain:
		return row[1:], nil
	case deflated:
		body, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(row[1:])), maxRow))
		if err != nil {
			return nil, broken("it can't be inflated")
		}
		return body, nil
	}
	return nil, broken("it is of a format that this version does not know")
}

// Begins says whether a row begins anew, without the rows before it. A damaged one begins nothing.
func Begins(row []byte) bool {
	if len(row) < 5 || row[0]&begins == 0 {
		return false
	}
	n := len(row) - 4
	return crc32.ChecksumIEEE(row[:n]) == binary.BigEndian.Uint32(row[n:])
}

// Unpack reads the row that comes next. A row that begins anew may come at any time. When it fails the Tape stands
// where it stood.
func (t *Tape) Unpack(row []byte) (guard.Rules, guard.Evidence, error) {
	fail := func(err error) (guard.Rules, guard.Evidence, error) { return guard.Rules{}, guard.Evidence{}, err }
	body, err := open(row)
	if err != nil {
		return fail(err)
	}
	u := unpacker{b: body}
	from := t
	if row[0]&begins != 0 {
		from = &Tape{}
	} else if !t.begun {
		return fail(broken("the rows before it are missing"))
	}
	now := time.Unix(0, from.nanos()+u.int()).UTC()
	complete := now.Unix() + u.int()
	parts, s := from.parts, from.whole
	if changes := u.bytes(); len(changes) > 0 {
		if parts, err = merged(parts, changes); err != nil {
			return fail(err)
		}
		if s, err = wholeOf(parts); err != nil {
			return fail(err)
		}
	}
	ev := s.Evidence
	ev.Now, ev.Complete = now, complete
	ev.Canary = u.buckets(s.CanaryID, complete)
	ev.Stable = u.buckets(s.StableID, complete)
	probes := [2][]guard.Probe{u.probes(from.probes[0], now), u.probes(from.probes[1], now)}
	ev.CanaryHealth, ev.StableHealth = probes[0], probes[1]
	ev.Values = u.values(complete)
	if u.bad || len(u.b) > 0 {
		return fail(broken("it does not end where it should"))
	}
	*t = Tape{begun: true, parts: parts, whole: s, now: now, probes: probes}
	return s.Rules, ev, nil
}

// merged applies what changed to the small parts.
func merged(before map[string]json.RawMessage, changes []byte) (map[string]json.RawMessage, error) {
	changed := map[string]json.RawMessage{}
	if err := json.Unmarshal(changes, &changed); err != nil {
		return nil, broken("its small parts are no JSON")
	}
	parts := map[string]json.RawMessage{}
	maps.Copy(parts, before)
	for name, text := range changed {
		if string(text) == "null" {
			delete(parts, name)
			continue
		}
		parts[name] = text
	}
	return parts, nil
}

func wholeOf(parts map[string]json.RawMessage) (small, error) {
	var s small
	text, err := json.Marshal(parts)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, broken("its small parts are not evidence")
	}
	return s, nil
}
