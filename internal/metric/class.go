package metric

import (
	"path"
	"strings"
)

// PublicFile reports whether a path names a file that applications keep in public/.
func PublicFile(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".js", ".mjs", ".css", ".map", ".json", ".wasm", ".txt", ".xml", ".webmanifest",
		".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".avif",
		".woff", ".woff2", ".ttf", ".otf", ".mp4", ".webm", ".mp3", ".pdf", ".zip":
		return true
	}
	return false
}

// Crawler reports whether a user agent names itself a robot.
func Crawler(agent string) bool {
	if agent == "" {
		return false
	}
	agent = strings.ToLower(agent)
	for _, word := range [...]string{"bot", "crawl", "spider", "slurp", "facebookexternalhit", "mediapartners"} {
		if strings.Contains(agent, word) {
			return true
		}
	}
	return false
}
