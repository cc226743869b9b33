package configuration

import "maps"

// A variable may hold for several places. To change it for one, it is taken away from there, and what goes on to hold
// for the others was touched: of a value that the platform never tells, that looks as if somebody had changed it.

// Splitting notes which of the variables that steps narrow hold for a place, too, and have the value that is wanted
// there. It reports false when none does.
func (l Live) Splitting(steps []Step, p Place) (Live, bool) {
	split := maps.Clone(l.Split)
	for _, s := range steps {
		m, known := l.Marks[s.Found.Key]
		if s.Do != Narrow || !known || !s.Found.covers(p) || m.ID != s.Found.ID || !m.Updated.Equal(s.Found.Updated) {
			continue
		}
		if split == nil {
			split = map[string]Mark{}
		}
		split[s.Found.Key] = m
	}
	changed := !maps.Equal(split, l.Split)
	l.Split = split
	return l, changed
}

// Joined has the marks follow what Slipway itself touched. It reports whether that moved one.
func (l Live) Joined(found []Found, p Place) (Live, bool) {
	marks, moved := maps.Clone(l.Marks), false
	for _, f := range Of(found, p) {
		was, split := l.Split[f.Key]
		m := marks[f.Key]
		if split && f.ID == was.ID && m.ID == was.ID && m.Updated.Equal(was.Updated) && !f.Updated.Equal(was.Updated) {
			m.Updated, moved = f.Updated, true
			marks[f.Key] = m
		}
	}
	l.Marks = marks
	return l, moved
}
