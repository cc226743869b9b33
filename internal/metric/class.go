package metric

import (
	"path"
	"strings"
)

// Kept is the name by which sums of a class are kept: for a kind of sources that saw the same requests as the one that
// sees all with that kind's name before it, so that nobody takes the two together. Nodes of before take it for a class
// that is not compared.
func (c Class) Kept(beside Kind) string {
	if beside == "" {
		return string(c)
	}
	return string(beside) + "/" + string(c)
}

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

// Framework returns the class of a path that Next.js serves itself. It is looked for anywhere in the path, because an
// application with a basePath serves it below that.
func Framework(p string) (class Class, ok bool) {
	_, rest, ok := strings.Cut(p, "/_next/")
	switch {
	case !ok:
		return "", false
	case strings.HasPrefix(rest, "static/"):
		return Asset, true
	case strings.HasPrefix(rest, "image"):
		return Image, true
	case strings.HasPrefix(rest, "data/"):
		return Data, true
	}
	return Other, true
}
