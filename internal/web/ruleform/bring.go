package ruleform

import (
	"encoding/json"
	"strings"
)

// Names reads what environments are called in two systems: theirs = ours, one a line.
func Names(text string) (map[string]string, []Complaint) {
	out := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		theirs, ours, ok := strings.Cut(line, "=")
		if !ok {
			return out, []Complaint{{Path: "rename", Message: "Write THEIRS = OURS, one a line."}}
		}
		out[strings.TrimSpace(theirs)] = strings.TrimSpace(ours)
	}
	return out, nil
}

// Export says what is wrong with what somebody pasted or sent as the export of another system.
func Export(text string) []Complaint {
	switch {
	case text == "":
		return []Complaint{{Path: "export", Message: "Paste what the other system exports, or choose a file."}}
	case !json.Valid([]byte(text)):
		return []Complaint{{Path: "export", Message: "It is no JSON. Take the file as the other system wrote it."}}
	}
	return nil
}
