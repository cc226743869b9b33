package vercel

import "testing"

func TestAnEventIsOfAProject(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		e       Event
		project string
		want    bool
		sure    bool
	}{
		{Event{Project: "prj_1", Name: "shop"}, "shop", true, true},
		{Event{Project: "prj_1", Name: "shop"}, "prj_1", true, true},
		{Event{Project: "prj_2", Name: "shop"}, "prj_1", false, false},
		{Event{Project: "prj_1", Name: "blog"}, "shop", false, false},
		{Event{Project: "prj_1"}, "shop", true, false}, // who set the webhook up chose the projects
		{Event{}, "prj_1", true, false},
	} {
		if got := tt.e.Of(tt.project); got != tt.want {
			t.Errorf("%+v of %s: %t", tt.e, tt.project, got)
		}
		if got := tt.e.Sure(tt.project); got != tt.sure {
			t.Errorf("%+v of %s, surely: %t", tt.e, tt.project, got)
		}
	}
}
