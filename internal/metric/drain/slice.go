package drain

import (
	"strconv"

	"github.com/slipwayhq/slipway/internal/bucket"
	"github.com/slipwayhq/slipway/internal/metric"
)

// from is where a failed request came from: an address, of IPv6 the network, as a hash under a key of the process, and
// the slice of the visitors that it belongs to, which is the same in every process. The zero value: no line said.
//
// It is coarser than a visitor, because it must be no finer than what the platform routes by: a rolling release sends
// all who come from one address to one version (statistics: section 5). Counted on each version for itself it would
// blame a small canary: a thousand people behind one address fail once a minute on the stable version, and the fifty
// of them who are on the canary nearly as often. So an address counts once a minute on all versions together, where it
// failed first: of those first failures as large a part is the canary's as of all.
type from struct {
	address uint32
	slice   uint8
}

// everywhere is the place of failings that no deployment has for itself.
const everywhere = maxPlaces

// came counts a failure by where it came from, or takes it back where the weight is negative.
func (s *sums) came(f from, weight int64) {
	if s.froms == nil {
		s.froms = map[from]int{}
	}
	if weight > 0 {
		s.froms[f]++
	} else if s.froms[f]--; s.froms[f] <= 0 {
		delete(s.froms, f)
	}
}

// parts are the slices of the cells that are due: addresses that failed in a second and in none of the minute before,
// each in one cell. All of which no line says where they came from count as one.
func (d *Drain) parts(due []cell) map[cell]*metric.Slices {
	out := make(map[cell]*metric.Slices, len(due))
	for i := 0; i < len(due); {
		j := i
		total := map[from]int{}
		for ; j < len(due) && due[j].second == due[i].second; j++ {
			out[due[j]] = &metric.Slices{}
			for f, n := range d.cells[due[j]].froms {
				total[f] += n
			}
		}
		for f, n := range total {
			d.first(due[i:j], f, n, out)
		}
		i = j
	}
	return out
}

// first counts an address that failed n times in a second in one of that second's cells, drawn by lot as often as it
// failed there: what always won would be blamed for what others share.
func (d *Drain) first(second []cell, f from, n int, out map[cell]*metric.Slices) {
	at := second[0].second
	who := failing{everywhere, f.address}
	last, before := d.failed[who]
	if before && at-last < perVisitor {
		return
	}
	if before || len(d.failed) < maxDetails {
		d.failed[who] = at
	}
	lot := strconv.FormatInt(at, 10)
	if f.address == 0 { // nobody's slice
		f.slice = uint8(metric.SliceOf(lot))
	}
	left := int(bucket.Scale(bucket.Hash(lot, strconv.Itoa(int(f.slice))), uint32(n)))
	for _, k := range second {
		of := f
		if f.address == 0 {
			of.slice = 0
		}
		if left -= d.cells[k].froms[of]; left < 0 {
			out[k].Units[f.slice]++
			return
		}
	}
}
