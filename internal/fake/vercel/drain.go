package vercel

import (
	"net/http"
	"time"
)

type drain struct{}

func (w *World) fillDrains()          {}
func (w *World) drained(*drain, bool) {}

func (w *World) visited(r *http.Request, a way, status int, size int64, trace string, began time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.served = append(w.served, Served{Domain: r.Host, Path: r.URL.Path, Deployment: a.deployment.id, Status: status,
		At: began})
}
