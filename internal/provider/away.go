package provider

import "errors"

// away marks a fault by which the target says nothing of what it was asked for.
type away struct{ error }

// Unwrap returns the fault.
func (a away) Unwrap() error { return a.error }

// Away marks a fault that says nothing of what was asked for: the target did not answer, is at a limit, contradicts
// itself, or lets nobody in. It is asked again until it answers, which uses up no try.
func Away(err error) error {
	if err == nil {
		return nil
	}
	return away{err}
}

// IsAway reports whether a fault is marked so.
func IsAway(err error) bool {
	_, ok := errors.AsType[away](err)
	return ok
}
