package record

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// unpacker reads what a packer wrote. Bad says that something else came; everything read after that is zero.
type unpacker struct {
	b   []byte
	bad bool
}

func (u *unpacker) fail() {
	u.b, u.bad = nil, true
}

func (u *unpacker) uint() uint64 {
	v, n := binary.Uvarint(u.b)
	if n <= 0 {
		u.fail()
		return 0
	}
	u.b = u.b[n:]
	return v
}

func (u *unpacker) int() int64 {
	v, n := binary.Varint(u.b)
	if n <= 0 {
		u.fail()
		return 0
	}
	u.b = u.b[n:]
	return v
}

func (u *unpacker) float() float64 {
	if len(u.b) < 8 {
		u.fail()
		return 0
	}
	v := math.Float64frombits(binary.BigEndian.Uint64(u.b))
	u.b = u.b[8:]
	return v
}

func (u *unpacker) flag() bool { return u.uint() == 1 }

func (u *unpacker) bytes() []byte {
	n := u.uint()
	if n > uint64(len(u.b)) {
		u.fail()
		return nil
	}
	v := u.b[:n]
	u.b = u.b[n:]
	return v
}

// most bounds a list. A look brings the seconds since the last one, or two hours at first; a row of zeros would become
// a hundred times as large in memory.
const most = 1 << 17

// many is a number of things that each take a byte at least.
func (u *unpacker) many() int {
	n := u.uint()
	if n > min(uint64(len(u.b)), most) {
		u.fail()
		return 0
	}
	return int(n)
}

func (u *unpacker) sketch() judge.Sketch {
	s, rest, err := judge.ReadPacked(u.b)
	if err != nil {
		u.fail()
		return judge.Sketch{}
	}
	u.b = rest
	return s
}

func (u *unpacker) buckets(deployment string, second int64) []metric.Bucket {
	out := []metric.Bucket{}
	for range u.many() {
		if u.bad {
			break // what a broken row claims to hold takes no memory
		}
		out = append(out, metric.Bucket{})
		b := &out[len(out)-1]
		second += u.int()
		b.Second, b.Deployment = second, deployment
		mask := u.uint()
		for i, f := range fields(b) {
			if mask&(1<<i) != 0 {
				*f = u.uint()
			}
		}
		if mask&hasWidth != 0 {
			b.Width = u.int()
		}
		if mask&hasNames != 0 {
			b.Deployment = string(u.bytes())
			b.Class = metric.Class(u.bytes())
		}
		if mask&hasSlices != 0 {
			b.Slices = &metric.Slices{}
			for _, s := range [3]*[judge.Slices]uint32{&b.Slices.Requests, &b.Slices.Units, &b.Slices.Slow} {
				u.slices(s)
			}
		}
		if mask&hasBins != 0 {
			b.Latency = u.sketch()
		}
	}
	return out
}

func (u *unpacker) slices(s *[judge.Slices]uint32) {
	mask := u.uint()
	for i := range s {
		if mask&(1<<i) == 0 {
			continue
		}
		n := u.uint()
		if n > math.MaxUint32 {
			u.fail()
		}
		s[i] = uint32(n)
	}
}

func (u *unpacker) probes(before []guard.Probe, now time.Time) []guard.Probe {
	gone := u.uint()
	if gone > uint64(len(before)) {
		u.fail()
		return nil
	}
	out := append([]guard.Probe{}, before[gone:]...)
	deployment := ""
	for range u.many() {
		if u.bad {
			break
		}
		x := guard.Probe{At: time.Unix(0, now.UnixNano()+u.int()).UTC(), OK: u.flag(), Took: time.Duration(u.int())}
		if u.flag() {
			deployment = string(u.bytes())
		}
		x.Deployment = deployment
		x.Detail = string(u.bytes())
		out = append(out, x)
	}
	return out
}

func (u *unpacker) values(second int64) []judge.Value {
	var out []judge.Value
	for range u.many() {
		if u.bad {
			break
		}
		out = append(out, judge.Value{})
		v := &out[len(out)-1]
		v.Metric = string(u.bytes())
		v.Second = second + u.int()
		v.Width = u.int()
		v.Share = u.float()
		for _, s := range [2]*judge.Sums{&v.Canary, &v.Stable} {
			s.N, s.Bad, s.Sum, s.SumSq = u.uint(), u.uint(), u.float(), u.float()
			s.Hist = u.sketch()
		}
	}
	return out
}
