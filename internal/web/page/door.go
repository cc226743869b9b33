package page

import "time"

// Health is what everybody may know.
type Health struct {
	App        string
	Components []Component
	Troubles   []Trouble
}

// Component is a part of the application that visitors would name.
type Component struct {
	Name string
	Bad  bool
}

// Trouble is something that is being looked into.
type Trouble struct {
	Sentence string
	Since    time.Time
}

func (c Component) mark() mark {
	if c.Bad {
		return mark{"alert", "bad", "Disturbed"}
	}
	return mark{"done", "good", "Works"}
}

func (h Health) mark() mark {
	for _, c := range h.Components {
		if c.Bad {
			return c.mark()
		}
	}
	if len(h.Troubles) > 0 {
		return mark{"alert", "bad", "Looked into"}
	}
	return mark{"done", "good", "Works"}
}

func (h Health) sentence() string {
	switch h.mark().word {
	case "Works":
		return "Everything works."
	case "Looked into":
		return "We are looking into a problem."
	}
	return "Some of it does not work as it should."
}
