package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
)

// req: FF-18 FF-20
func TestRulesAreTriedBeforeTheyAreSaved(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	w.flagged(t, "new-checkout")
	const place = "/flags/new-checkout/environments/production"
	form := formIn(t, b.get(place).body, "editor")
	form.Set("samples", "ada email=ada@shop.example\ngrace n=7\nlin n=8")
	form.Set("rules[1].if[0].values", "7")
	form.Set("rules[1].serve.variant", "on")
	form.Set("default.variant", "off")
	form.Set("do", "try")
	got := b.send(place, form, nil)
	if cost := between(got.body, `id="tried"`, "</section>"); !strings.Contains(cost, "One evaluation takes ") {
		t.Errorf("what the rules cost is not said: %s", cost)
	}
	for _, want := range []string{"ada", "grace", "lin"} {
		served := between(between(got.body, `id="tried"`, "</section>"), "<bdi>"+want+"</bdi>", "</li>")
		if on := strings.Contains(served, `class="variant">on<`); on != (want != "lin") {
			t.Errorf("%s gets %s of: %s", want, served, got.body)
		}
	}
	c, err := w.desk.Flags.Config(t.Context(), access.System("test"), "new-checkout", "production")
	if err != nil || len(c.Default.Split) != 2 {
		t.Errorf("trying saved something: %+v %v", c.Default, err)
	}
	form.Set("samples", "a=1 a.b=2")
	if got := b.send(place, form, nil); got.StatusCode != http.StatusOK || !strings.Contains(got.body,
		"both a value and a group") {
		t.Errorf("a user that cannot be read answered %d: %s", got.StatusCode, got.body)
	}
	form.Set("samples", "ada")
	form.Set("rules[0].if[0].values", "no-such-segment")
	if got := b.send(place, form, nil); !strings.Contains(between(got.body, `id="tried"`, "</section>"),
		"no-such-segment") {
		t.Errorf("a rule that cannot be kept is not said: %s", got.body)
	}
}
