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
	all        *tunnels
	deployment string
}

func (t *tunnels) open(deployment string, c io.ReadWriteCloser) io.ReadWriteCloser {
	tu := &tunnel{ReadWriteCloser: c, all: t, deployment: deployment}
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

// closeAll closes every tunnel, and each that is still to come.
func (t *tunnels) closeAll() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.closeWhere(func(string) bool { return true })
}

// closeWhere closes the tunnels to the deployments that match.
func (t *tunnels) closeWhere(match func(deployment string) bool) {
	t.mu.Lock()
	var chosen []*tunnel
	for tu := range t.live {
		if match(tu.deployment) {
			chosen = append(chosen, tu)
		}
	}
	t.mu.Unlock()
	for _, tu := range chosen {
		_ = tu.Close()
	}
}
