package smoke

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// jar keeps the cookies of one run. Unlike the standard one it sends back what is
// marked Secure over plain http as well: a deployment is asked behind the edge,
// where the application speaks http and believes it is reached over https.
// Runs stay on one host, so no cookie can reach another.
type jar struct {
	mu      sync.Mutex
	cookies []*http.Cookie
}

var _ http.CookieJar = (*jar)(nil)

// maxCookies bounds what a deployment can make a run remember.
const maxCookies = 100

// SetCookies takes the cookies of an answer.
func (j *jar) SetCookies(_ *url.URL, set []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range set {
		kept := j.cookies[:0:0]
		for _, old := range j.cookies {
			if old.Name != c.Name || old.Path != c.Path {
				kept = append(kept, old)
			}
		}
		gone := c.MaxAge < 0 || c.Value == "" || !c.Expires.IsZero() && c.MaxAge == 0 && !c.Expires.After(time.Now())
		if !gone && len(kept) < maxCookies {
			kept = append(kept, c)
		}
		j.cookies = kept
	}
}

// Cookies returns the cookies for a request.
func (j *jar) Cookies(u *url.URL) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []*http.Cookie
	for _, c := range j.cookies {
		if within(u.Path, c.Path) {
			out = append(out, &http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted})
		}
	}
	return out
}

// within reports whether a path lies under a cookie's.
func within(path, under string) bool {
	if under == "" || under == "/" || path == under {
		return true
	}
	return strings.HasPrefix(path, strings.TrimSuffix(under, "/")+"/")
}
