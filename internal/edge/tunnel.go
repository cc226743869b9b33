package edge

import (
	"errors"
	"io"
	"sync"
)

// tunnels are the upgraded connections, which no server knows about any more.
type tunnels struct {
	mu     sync.Mutex
	live   map[*tunnel]struct{}
	closed bool
}

// tunnel is the deployment's side of an upgraded connection.
type tunnel struct {
	io.ReadWriteCloser
	all *tunnels
}

func (t *tunnels) open(c io.ReadWriteCloser) io.ReadWriteCloser {
	tu := &tunnel{ReadWriteCloser: c, all: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		_ = c.Close()
	}
	if t.live == nil {
		t.live = map[*tunnel]struct{}{}
	}
	t.live[tu] = struct{}{}
	return tu
}

// CloseWrite passes a half-close on, where the connection can be half closed.
func (t *tunnel) CloseWrite() error {
	if c, ok := t.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close closes the tunnel and forgets it.
func (t *tunnel) Close() error {
	t.all.mu.Lock()
	delete(t.all.live, t)
	t.all.mu.Unlock()
	return t.ReadWriteCloser.Close()
}

func (t *tunnels) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.live)
}

func (t *tunnels) closeAll() {
	t.mu.Lock()
	t.closed = true
	all := make([]*tunnel, 0, len(t.live))
	for tu := range t.live {
		all = append(all, tu)
	}
	t.mu.Unlock()
	for _, tu := range all {
		_ = tu.Close()
	}
}
