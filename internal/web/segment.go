package web

import (
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

// membersShown is how many users of a segment's list a page shows.
const membersShown = 200

func (s *Web) segments(v *visit) error {
	all, err := s.Desk.Flags.Segments(v.r.Context(), v.who, v.query("environment"))
	if err != nil {
		return err
	}
	return v.show(page.SegmentList(v.frame, all))
}

func (s *Web) segment(v *visit) error {
	c, err := s.segmentPage(v)
	if err != nil {
		return err
	}
	return v.show(c)
}

// segmentPage shows the names of its list only to those who may change it: they are people.
func (s *Web) segmentPage(v *visit) (templ.Component, error) {
	key, environment := v.r.PathValue("key"), v.r.PathValue("environment")
	g, err := s.Desk.Flags.Segment(v.r.Context(), v.who, key, environment)
	if err != nil {
		return nil, err
	}
	var members api.MemberPage
	if v.who.May(access.EditFlag, environment) {
		if members, err = s.Desk.Flags.Members(v.r.Context(), v.who, key, environment, "", membersShown); err != nil {
			return nil, err
		}
	}
	h, err := s.Desk.Flags.SegmentHistory(v.r.Context(), v.who, key, environment, v.query("cursor"), 10)
	if err != nil {
		return nil, err
	}
	return page.Segment(v.frame, g, members.Items, h), nil
}

// editable are the environments in which the viewer may edit flags.
func (s *Web) editable(v *visit) []string {
	var out []string
	for _, e := range s.Desk.Strategy.Environments() {
		if v.who.May(access.EditFlag, e.Name) {
			out = append(out, e.Name)
		}
	}
	return out
}

func (s *Web) segmentNew(v *visit) error {
	return v.show(page.SegmentEdit(v.frame, ruleform.Segment{Environment: v.query("environment")}, nil, s.editable(v)))
}

func (s *Web) segmentEdit(v *visit) error {
	g, err := s.Desk.Flags.Segment(v.r.Context(), v.who, v.r.PathValue("key"), v.r.PathValue("environment"))
	if err != nil {
		return err
	}
	return v.show(page.SegmentEdit(v.frame, ruleform.OfSegment(g), nil, nil))
}

// segmentEdited answers every button of a segment's editor.
func (s *Web) segmentEdited(v *visit) error {
	form := ruleform.ReadSegment(ruleform.Fields(v.r.PostForm))
	do := v.value("do")
	if next, ok := form.Do(do); ok || do != "save" {
		return v.show(page.SegmentEdit(v.frame, next, nil, s.editable(v)))
	}
	in, bad := form.Put()
	err := complain(bad)
	if err == nil && form.Key == "" {
		err = complain([]ruleform.Complaint{{Path: "key", Message: "Give it a key, such as staff."}})
	}
	if err == nil && form.Revision == 0 {
		if _, there := s.Desk.Flags.Segment(v.r.Context(), v.who, form.Key, form.Environment); there == nil {
			err = fault.New(fault.Conflict, "segment_exists", "There is a segment %.64s in %s already. Take another key.",
				form.Key, form.Environment)
		}
	}
	var g api.Segment
	if err == nil {
		g, err = s.Desk.Flags.PutSegment(v.r.Context(), v.who, form.Key, form.Environment, in)
	}
	if err == nil {
		return v.segmentDone(g)
	}
	status := v.refused(err)
	var theirs *api.Segment
	if fault.Is(err, fault.Conflict) && form.Revision > 0 {
		g, lost := s.Desk.Flags.Segment(v.r.Context(), v.who, form.Key, form.Environment)
		if lost != nil {
			return err
		}
		theirs, form.Revision = &g, g.Revision
	}
	return v.render(status, page.SegmentEdit(v.frame, form, theirs, s.editable(v)))
}

// segmentAct changes a segment's list, or removes it.
func (s *Web) segmentAct(v *visit) error {
	key, environment := v.r.PathValue("key"), v.r.PathValue("environment")
	var err error
	var g api.Segment
	switch v.r.PathValue("action") {
	case "members":
		g, err = s.Desk.Flags.ChangeMembers(v.r.Context(), v.who, key, environment, api.SegmentMembers{
			Add: ruleform.Lines(v.value("add")), Remove: ruleform.Lines(v.value("remove")), Reason: v.value("reason")})
	case "revert":
		in := api.RevertFlag{Reason: v.value("reason")}
		if in.To, err = strconv.ParseInt(v.value("to"), 10, 64); err == nil {
			in.Revision, err = strconv.ParseInt(v.value("revision"), 10, 64)
		}
		if err != nil {
			err = fault.New(fault.Invalid, "revision_missing", "The form does not say what you looked at. Reload the page.")
			break
		}
		g, err = s.Desk.Flags.RevertSegment(v.r.Context(), v.who, key, environment, in)
	case "delete":
		if _, err = s.Desk.Flags.DeleteSegment(v.r.Context(), v.who, key, environment, v.value("reason")); err == nil {
			return v.done("/segments", "segment-gone")
		}
	default:
		return s.missing(v)
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.segmentPage(v) })
	}
	return v.segmentDone(g)
}

// segmentDone leads to a segment after a change, or to the draft of it where approval is needed.
func (v *visit) segmentDone(g api.Segment) error {
	if g.Draft != "" {
		return v.done("/flag-drafts", "flag-draft")
	}
	return v.done("/segments/"+url.PathEscape(g.Environment)+"/"+url.PathEscape(g.Key), "segment")
}
