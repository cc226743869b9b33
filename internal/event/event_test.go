package event

import (
	"strings"
	"testing"
	"time"
)

func chain(t *testing.T, n int) []Event {
	t.Helper()
	prev, out := Genesis, []Event{}
	for i := range n {
		e, err := Draft{Kind: "release.started", Actor: "user:ada", App: "shop", Subject: "rel_1", Sentence: "s",
			Data: map[string]int{"i": i}}.
			Seal(int64(i+1), time.Unix(int64(i), 0), prev)
		if err != nil {
			t.Fatal(err)
		}
		prev = e.Hash
		out = append(out, e)
	}
	return out
}

func walk(list []Event, head Head) error {
	var v Verifier
	for _, e := range list {
		if err := v.Next(e); err != nil {
			return err
		}
	}
	return v.End(head)
}

func TestVerifierFindsEveryTampering(t *testing.T) {
	t.Parallel()
	head := func(l []Event) Head { return Head{l[len(l)-1].Seq, l[len(l)-1].Hash} }
	tests := []struct {
		name   string
		tamper func([]Event) []Event
		want   string
	}{
		{"none", func(l []Event) []Event { return l }, ""},
		{"altered", func(l []Event) []Event { l[2].Sentence = "x"; return l }, "event 3 was altered"},
		{"altered and hashed again", func(l []Event) []Event { l[2].Sentence = "x"; l[2].Hash = l[2].Sum(); return l },
			"event 4 does not follow event 3"},
		{"missing", func(l []Event) []Event { return append(l[:2], l[3:]...) }, "event 3 is missing"},
		{"reordered", func(l []Event) []Event { l[2], l[3] = l[3], l[2]; return l }, "event 3 is missing"},
		{"cut", func(l []Event) []Event { return l[:3] }, "the last 2 are missing"},
		{"twice", func(l []Event) []Event { return append(l[:3], l[2:]...) }, "event 3 stands after event 3"},
	}
	for _, tt := range tests {
		l := chain(t, 5)
		h := head(l)
		err := walk(tt.tamper(l), h)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestFieldsCannotBeShifted(t *testing.T) {
	t.Parallel()
	a := Event{Seq: 1, Kind: "ab", Actor: "c"}
	b := Event{Seq: 1, Kind: "a", Actor: "bc"}
	if a.Sum() == b.Sum() {
		t.Error("two different events have the same sum")
	}
}

func TestASentenceIsOneLineInItsOrder(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ada  waits.": "ada  waits.", "": "",
		"aborted by eve: x\r\n\nSlipway's guard:\tall is well": "aborted by eve: x Slipway's guard: all is well",
		"eve\u2028ada \u202egniht\u2069on\x1b[2J":              "eve ada gniht on [2J", "عائشة\n伊娃": "عائشة 伊娃",
	} {
		e, err := Draft{Kind: "a.b", Sentence: in}.Seal(1, time.Unix(0, 0), Genesis)
		if err != nil || e.Sentence != want || e.Hash != e.Sum() {
			t.Errorf("%q becomes %q, %v, want %q", in, e.Sentence, err, want)
		}
	}
}
