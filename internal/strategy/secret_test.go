package strategy

import (
	"strings"
	"testing"
)

// A password that somebody wrote into an address is refused, and not repeated where logs keep it.
func TestProblemsDoNotRepeatPasswords(t *testing.T) {
	t.Parallel()
	_, err := Parse("slipway.yaml", []byte("app: shop\ntarget: {selfhost: {stable: http://127.0.0.1:3001}}\n"+
		"sources: {prometheus: {url: \"http://ada:hunter2@127.0.0.1:9090\"}}\n"))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("it says %v", err)
	}
}
