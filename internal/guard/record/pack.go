package record

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// packer writes numbers one after the other, small ones in few bytes.
type packer struct{ b []byte }

func (p *packer) uint(v uint64)   { p.b = binary.AppendUvarint(p.b, v) }
func (p *packer) int(v int64)     { p.b = binary.AppendVarint(p.b, v) }
func (p *packer) float(v float64) { p.b = binary.BigEndian.AppendUint64(p.b, math.Float64bits(v)) }

func (p *packer) flag(v bool) {
	if v {
		p.uint(1)
	} else {
		p.uint(0)
	}
}

func (p *packer) bytes(v []byte) {
	p.uint(uint64(len(v)))
	p.b = append(p.b, v...)
}

// first is the deployment of the first bucket.
func first(list []metric.Bucket) string {
	if len(list) == 0 {
		return ""
	}
	return list[0].Deployment
}

// fields are a bucket's sums in the order in which they are packed.
func fields(b *metric.Bucket) [12]*uint64 {
	return [12]*uint64{
		&b.Requests, &b.Errors, &b.New, &b.Units, &b.Slow, &b.Bytes, &b.Timeouts, &b.Connect, &b.Client, &b.Skew,
		&b.Excluded, &b.Minutes,
	}
}

// What the mask of a bucket says beside which sums are not 0.
const (
	hasSlices = 1 << 12
	hasWidth  = 1 << 13
	hasNames  = 1 << 14 // class, or another deployment than the arm's
	hasBins   = 1 << 15
)

func (p *packer) buckets(list []metric.Bucket, deployment string, second int64) {
	p.uint(uint64(len(list)))
	for i := range list {
		b := &list[i]
		p.int(b.Second - second)
		second = b.Second
		mask := uint64(0)
		for i, f := range fields(b) {
			if *f != 0 {
				mask |= 1 << i
			}
		}
		names := b.Deployment != deployment || b.Class != ""
		for bit, on := range map[uint64]bool{
			hasSlices: b.Slices != nil, hasWidth: b.Width != 0, hasNames: names, hasBins: b.Latency.Count() > 0,
		} {
			if on {
				mask |= bit
			}
		}
		p.uint(mask)
		for i, f := range fields(b) {
			if mask&(1<<i) != 0 {
				p.uint(*f)
			}
		}
		if b.Width != 0 {
			p.int(b.Width)
		}
		if names {
			p.bytes([]byte(b.Deployment))
			p.bytes([]byte(b.Class))
		}
		if b.Slices != nil {
			for _, s := range [3]*[judge.Slices]uint32{&b.Slices.Requests, &b.Slices.Units, &b.Slices.Slow} {
				p.slices(s)
			}
		}
		if mask&hasBins != 0 {
			p.b = b.Latency.AppendPacked(p.b)
		}
	}
}

// slices writes which of the counts are not 0, and these.
func (p *packer) slices(s *[judge.Slices]uint32) {
	mask := uint64(0)
	for i, n := range s {
		if n != 0 {
			mask |= 1 << i
		}
	}
	p.uint(mask)
	for _, n := range s {
		if n != 0 {
			p.uint(uint64(n))
		}
	}
}

// probes writes how many of those before went away at the front and what came at the end. Where the two lists have
// nothing in common, all of it.
func (p *packer) probes(before, list []guard.Probe, now time.Time) {
	gone, kept := 0, 0
	for ; gone < len(before); gone++ {
		if kept = common(before[gone:], list); kept == len(before)-gone {
			break
		}
		kept = 0
	}
	p.uint(uint64(gone))
	p.uint(uint64(len(list) - kept))
	deployment := ""
	for _, x := range list[kept:] {
		p.int(x.At.UnixNano() - now.UnixNano())
		p.flag(x.OK)
		p.int(int64(x.Took))
		p.flag(x.Deployment != deployment)
		if x.Deployment != deployment {
			p.bytes([]byte(x.Deployment))
			deployment = x.Deployment
		}
		p.bytes([]byte(x.Detail))
	}
}

// common is how many probes two lists begin with in common.
func common(a, b []guard.Probe) int {
	n := 0
	for n < len(a) && n < len(b) && a[n].At.Equal(b[n].At) && a[n].OK == b[n].OK && a[n].Took == b[n].Took &&
		a[n].Deployment == b[n].Deployment && a[n].Detail == b[n].Detail {
		n++
	}
	return n
}

func (p *packer) values(list []judge.Value, second int64) {
	p.uint(uint64(len(list)))
	for _, v := range list {
		p.bytes([]byte(v.Metric))
		p.int(v.Second - second)
		p.int(v.Width)
		p.float(v.Share)
		for _, s := range [2]judge.Sums{v.Canary, v.Stable} {
			p.uint(s.N)
			p.uint(s.Bad)
			p.float(s.Sum)
			p.float(s.SumSq)
			p.b = s.Hist.AppendPacked(p.b)
		}
	}
}
