package flags

import (
	"context"
	"sync"

	"github.com/slipwayhq/slipway/internal/flag"
)

// shelf keeps all flags as they were read last: a list of a thousand flags is four thousand documents to decode, and
// pages that are open read it again and again. Nobody changes what is on it.
type shelf struct {
	mu      sync.Mutex
	full    bool
	version int64
	list    []flag.Flag
	configs map[string][]flag.Config // by flag
}

// all returns every flag by key, and what each does in each environment. It asks the store whether anything changed
// since the last time, and reads it all only then. What it returns is not to be changed.
func (d *Desk) all(ctx context.Context) ([]flag.Flag, map[string][]flag.Config, error) {
	version, err := d.DB.FlagsVersion(ctx, d.Strategy.App)
	if err != nil {
		return nil, nil, err
	}
	s := &d.shelf
	s.mu.Lock()
	if s.full && s.version == version {
		defer s.mu.Unlock()
		return s.list, s.configs, nil
	}
	s.mu.Unlock()
	list, err := d.DB.Flags(ctx, d.Strategy.App)
	if err != nil {
		return nil, nil, err
	}
	each, err := d.DB.FlagConfigs(ctx, d.Strategy.App, "")
	if err != nil {
		return nil, nil, err
	}
	configs := make(map[string][]flag.Config, len(list))
	for _, c := range each {
		configs[c.Flag] = append(configs[c.Flag], c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.full || s.version < version { // what was read is of that version or a later one, which is noticed next time
		s.full, s.version, s.list, s.configs = true, version, list, configs
	}
	return list, configs, nil
}
