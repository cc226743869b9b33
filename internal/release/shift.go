package release

// ShareOver returns the percent of visitors that was in force from a Unix second up to before another, and false when
// it changed in between or was not set yet.
func (r Release) ShareOver(from, to int64) (share float64, steady bool) {
	for _, s := range r.Shares {
		switch at := s.At.Unix(); {
		case at >= to:
			return share, steady
		case at >= from:
			return 0, false
		}
		share, steady = s.Share, true
	}
	return share, steady
}
