package vercel

import "testing"

func TestAnEventIsOfAProject(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		e       Event
		project string
		want    bool
	}{
		{Event{Project: "prj_1", Name: "shop"}, "shop", true},
		{Event{Project: "prj_1", Name: "shop"}, "prj_1", true},
		{Event{Project: "prj_2", Name: "shop"}, "prj_1", false},
		{Event{Project: "prj_1", Name: "blog"}, "shop", false},
		{Event{Project: "prj_1"}, "shop", true}, // who set the webhook up chose the projects
		{Event{}, "prj_1", true},
	} {
		if got := tt.e.Of(tt.project); got != tt.want {
			t.Errorf("%+v of %s: %t", tt.e, tt.project, got)
		}
	}
}
