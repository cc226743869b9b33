package drain

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/slipwayhq/slipway/internal/metric"
)

const (
	maxSpots    = 256     // places that one body may name
	maxDetails  = 200_000 // failures of which more is remembered than that they were; beyond, each stands by itself
	mostInCell  = 64      // places of one deployment, class and second
	perVisitor  = 60      // seconds in which a visitor's failures count once
	maxRoute    = 100     // bytes
	longSegment = 32      // bytes, from which a part of a path is a key and no name
)

// spot is where a request failed.
type spot struct{ route, region string }

// detail is what is known of a failure beside that it was one.
type detail struct {
	visitor uint32 // hash; 0: unknown
	spot    spot
	from    from
}

// failing is a visitor of a deployment's place, or where one came from, whichever the place.
type failing struct {
	place   uint8
	visitor uint32
}

// tries are failures of one visitor in a second.
type tries struct {
	n     int32
	parts int64
}

// visitor is the hash of whose request a line is of, and where it came from; 0 where the line does not say. People who
// share an address and a browser are one, and one who changes them is several: it is the best that a record holds.
func (x *reader) visitor(r *record) (visitor uint32, at from) {
	if len(r.proxy.ip) > 64 {
		return 0, from{}
	}
	ip, err := netip.ParseAddr(string(r.proxy.ip))
	if err != nil {
		return 0, from{}
	}
	whole := ip.Unmap().As16()
	address := whole[:]
	if ip.Unmap().Is6() {
		address = whole[:8] // the network: the rest changes by itself
	}
	var h maphash.Hash
	h.SetSeed(x.seed)
	_, _ = h.Write(address) // a hash takes everything
	at = from{max(uint32(h.Sum64()), 1), uint8(metric.SliceOf(string(address)))}
	if len(r.proxy.agent) == 0 {
		return 0, at
	}
	_, _ = h.Write(r.proxy.agent)
	return max(uint32(h.Sum64()), 1), at
}

// spot gives the number of a line's place in the body; 0 where it has none.
func (out *read) spot(r *record) int32 {
	region := r.region()
	out.key = append(out.key[:0], r.proxy.method...)
	out.key = append(append(append(append(out.key, ' '), r.routed()...), 0), region...)
	if n, known := out.spotted[string(out.key)]; known {
		return n
	}
	if len(out.spots) >= maxSpots {
		return 0
	}
	if out.spotted == nil {
		out.spotted = map[string]int32{}
	}
	out.spots = append(out.spots, spot{route(r.proxy.method, r.routed()), string(region)})
	out.spotted[string(out.key)] = int32(len(out.spots))
	return int32(len(out.spots))
}

// routed is the route of the application where the line names it, else the path that was asked for.
func (r *record) routed() []byte {
	p := r.path
	if len(p) == 0 || p[0] != '/' || string(r.kind) == "middleware" {
		p = r.proxy.path
	}
	p, _, _ = bytes.Cut(p, []byte("?"))
	return p[:min(len(p), 1024)]
}

// region is where the request ran: its function, or else the proxy.
func (r *record) region() []byte {
	for _, b := range [][]byte{r.execution, r.proxy.lambda, r.proxy.region} {
		odd := bytes.ContainsFunc(b, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' })
		if len(b) > 0 && len(b) <= 16 && !odd {
			return b
		}
	}
	return nil
}

// route writes a method and a path without what names one thing of many, such as a number or a key.
func route(method, p []byte) string {
	out := ""
	switch m := string(method); m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		out = m + " "
	}
	for i, part := range strings.Split(strings.ToValidUTF8(string(p), "?"), "/") {
		if i > 0 {
			out += "/"
		}
		if one(part) {
			part = "…"
		}
		if len(out)+len(part) > maxRoute {
			return out + "…"
		}
		out += part
	}
	return out
}

// parameter is what a name between brackets is made of, with the dots of one that takes the rest of a path.
const parameter = "[].-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// one says whether a part of a path names one thing of many.
func one(part string) bool {
	if strings.HasPrefix(part, "[") && strings.HasSuffix(part, "]") && strings.Trim(part, parameter) == "" {
		return false // a parameter of the route
	}
	digits := strings.Count(part, "") - 1 - len(strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return 'x'
	}, part))
	return len(part) > longSegment || digits >= 4 || digits > 0 && digits == len(part) ||
		strings.ContainsFunc(part, func(c rune) bool {
			return strings.ContainsRune("@%=&; ", c) || !unicode.IsPrint(c)
		})
}

// fail counts a failure with its weight, or takes it back with the negative of it, and returns what it counted as.
func (s *sums) fail(x detail, weight int64) detail {
	if x.spot != (spot{}) {
		if _, known := s.hurt[x.spot]; !known && len(s.hurt) >= mostInCell {
			x.spot = spot{}
		} else if s.hurt == nil {
			s.hurt = map[spot]int64{}
		}
	}
	if x.spot != (spot{}) {
		s.hurt[x.spot] += weight
	}
	s.came(x.from, weight)
	if x.visitor == 0 {
		s.alone += weight
		return x
	}
	if s.visitors == nil {
		s.visitors = map[uint32]tries{}
	}
	t := s.visitors[x.visitor]
	t.n, t.parts = t.n+1, t.parts+weight
	if weight < 0 {
		t.n -= 2
	}
	if s.visitors[x.visitor] = t; t.n == 0 {
		delete(s.visitors, x.visitor)
	}
	return x
}

// counts says whether a request's end is a failure of its deployment.
func (o order) counts() bool { return o.failed() && o.rank() != nowhere }

// detail is what a line says of a failure.
func (f fact) detail(spots []spot) detail {
	x := detail{visitor: f.visitor, from: f.from}
	if f.spot > 0 {
		x.spot = spots[f.spot-1]
	}
	return x
}

// more says whether x is the one of two lines that tell the same that is kept, whichever came first.
func (x detail) more(than detail) bool {
	return cmp.Or(cmp.Compare(x.visitor, than.visitor), cmp.Compare(x.from.address, than.from.address),
		cmp.Compare(x.spot.route, than.spot.route), cmp.Compare(x.spot.region, than.spot.region)) > 0
}

// noted takes what else is known of a failure.
func (d *Drain) noted(f fact, o order, spots []spot) {
	x := f.detail(spots)
	if _, again := d.details[f.request]; !again && len(d.details) >= maxDetails {
		x = detail{}
	}
	if x = d.sums(o).fail(x, int64(f.weight)); x != (detail{}) {
		d.details[f.request] = x
	}
}

// taken takes a failure back.
func (d *Drain) taken(id uint64, had request) {
	d.sums(had.order).fail(d.details[id], -int64(had.weight))
	delete(d.details, id)
}

// units are the visitors who failed in a second and not in the minute before, in parts.
func (d *Drain) units(k cell, s *sums) int64 {
	n := s.alone
	for visitor, t := range s.visitors {
		who := failing{k.place, visitor}
		last, before := d.failed[who]
		if before && k.second-last < perVisitor {
			continue
		}
		if before || len(d.failed) < maxDetails {
			d.failed[who] = k.second
		}
		n += t.parts / int64(max(t.n, 1))
	}
	return n
}

// hurts are the places of a second, the most frequent first.
func (s *sums) hurts(class metric.Class) []metric.Hurt {
	var out []metric.Hurt
	for at, parts := range s.hurt {
		if n := parts / scale; n > 0 {
			out = append(out, metric.Hurt{Class: class, Route: at.route, Region: at.region, Errors: uint64(n)})
		}
	}
	if out == nil {
		return nil
	}
	return metric.Hurts(out, nil)
}

// due are the cells whose second is final, in order: who fails in two counts in the first.
func (d *Drain) due() []cell {
	var out []cell
	for k := range d.cells {
		if k.second < d.counters.Complete {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.second, b.second), cmp.Compare(a.place, b.place), cmp.Compare(a.class, b.class))
	})
	for who, last := range d.failed {
		if last < d.counters.Complete-2*perVisitor {
			delete(d.failed, who)
		}
	}
	return out
}
