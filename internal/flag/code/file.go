package code

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// File is what a file says of flags, or what there is of them.
type File struct {
	App      string // empty: not said
	Flags    []Flag
	Segments []Segment
}

// Segment is a segment of an environment.
type Segment struct {
	flag.Segment
	Members *[]string // whom it names; nil: the file does not say
}

// Flag is a flag with what it does in each environment that is spoken of.
type Flag struct {
	flag.Flag
	Configs []Config
}

// Config is what a flag does in an environment.
type Config struct {
	flag.Config
	Switched bool // the file says whether it is on; else whoever switched it last decides
}

// The shapes of the file. Its keys are the model's words.
type (
	root struct {
		App      string              `yaml:"app"`
		Flags    keyed[flagShape]    `yaml:"flags"`
		Segments keyed[segmentShape] `yaml:"segments"`
	}
	flagShape struct {
		Kind         string             `yaml:"kind" enum:"boolean,string,number,object"`
		Description  string             `yaml:"description"`
		Owner        string             `yaml:"owner"`
		Tags         []string           `yaml:"tags"`
		Client       bool               `yaml:"client"`
		Permanent    bool               `yaml:"permanent"`
		Expires      date               `yaml:"expires"`
		Bucketing    int                `yaml:"bucketing"`
		Variants     keyed[anything]    `yaml:"variants"`
		About        keyed[string]      `yaml:"about"`
		Environments keyed[configShape] `yaml:"environments"`
	}
	configShape struct {
		On        *bool        `yaml:"on"`
		Off       string       `yaml:"off"`
		Needs     keyed[texts] `yaml:"needs"`
		Rules     []ruleShape  `yaml:"rules"`
		Default   serve        `yaml:"default"`
		Targeting any          `yaml:"targeting"`
	}
	ruleShape struct {
		ID          string     `yaml:"id"`
		Description string     `yaml:"description"`
		If          conditions `yaml:"if"`
		Serve       serve      `yaml:"serve"`
	}
	segmentShape struct {
		Environments keyed[groupShape] `yaml:"environments"`
	}
	groupShape struct {
		Description string       `yaml:"description"`
		Any         []conditions `yaml:"any"`
		By          string       `yaml:"by"`
		Excluded    []string     `yaml:"excluded"`
		Members     *[]string    `yaml:"members"`
	}
	longServe struct {
		Variant string     `yaml:"variant"`
		Split   keyed[int] `yaml:"split"`
		By      string     `yaml:"by"`
		Salt    string     `yaml:"salt"`
	}
)

// keyed is a mapping whose keys are anybody's, in the order of the file.
type keyed[T any] []entry[T]

type entry[T any] struct {
	key   string
	place document.Place
	value T
}

// Read reads a mapping.
func (k *keyed[T]) Read(d *document.Decoder, path []string, n *document.Node) {
	if n.Form != document.Mapping {
		d.Wrong(n, path, "want names with values, got "+n.Form.String(), "write \"name: value\"")
		return
	}
	for _, e := range n.Keys {
		x := entry[T]{key: e.Name, place: e.Place}
		d.DecodeAt(append(path[:len(path):len(path)], e.Name), e.Value, &x.value)
		*k = append(*k, x)
	}
}

// Schema describes a mapping.
func (*keyed[T]) Schema() map[string]any { return map[string]any{"type": "object"} }

// anything is a JSON value.
type anything struct{ json.RawMessage }

// Read takes what YAML means by it.
func (a *anything) Read(d *document.Decoder, path []string, n *document.Node) {
	text, err := json.Marshal(n.Any())
	if err != nil {
		d.Wrong(n, path, "this can't be said in JSON", "write a text, a number, true, false or keys with values")
	}
	a.RawMessage = text
}

// Schema describes anything.
func (*anything) Schema() map[string]any { return map[string]any{} }

// date is a day, or an instant.
type date time.Time

// Read reads 2027-01-31, or that with a time.
func (x *date) Read(d *document.Decoder, path []string, n *document.Node) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, n.Text); err == nil && n.Form == document.Scalar {
			*x = date(t)
			return
		}
	}
	d.Wrong(n, path, "want a date", "write it 2027-01-31")
}

// Schema describes a date.
func (*date) Schema() map[string]any { return document.TextSchema(`^\d{4}-\d\d-\d\d`, "2027-01-31") }

// texts is a list of texts, or one alone.
type texts []string

// Read reads one text or several.
func (x *texts) Read(d *document.Decoder, path []string, n *document.Node) {
	items := n.Items
	if n.Form != document.List {
		items = []*document.Node{n}
	}
	for _, item := range items {
		if d.IsScalar(path, item, "a text") {
			*x = append(*x, item.Text)
		}
	}
}

// Schema describes texts.
func (*texts) Schema() map[string]any {
	return document.AnyOf(map[string]any{"type": "string"}, document.ListOf[string]())
}

// conditions are lines that must all hold.
type conditions []flag.Condition

// Read reads a list of lines, or one, whose conditions are joined by and.
func (x *conditions) Read(d *document.Decoder, path []string, n *document.Node) {
	var list texts
	list.Read(d, path, n)
	for i, text := range list {
		at := n
		if n.Form == document.List {
			at = n.Items[i]
		}
		group, err := ParseGroup(text)
		if err != nil {
			d.Wrong(at, path, fault.MessageOf(err), "write for example plan equals pro, or segment beta")
			continue
		}
		*x = append(*x, group...)
	}
}

// Schema describes conditions.
func (*conditions) Schema() map[string]any { return (*texts)(nil).Schema() }

// serve is a variant, or more about what is served.
type serve struct{ flag.Serve }

// Read reads a variant's name, or keys.
func (x *serve) Read(d *document.Decoder, path []string, n *document.Node) {
	if n.Form == document.Scalar {
		x.Variant = n.Text
		return
	}
	var long longServe
	d.DecodeAt(path, n, &long)
	x.Serve = flag.Serve{Variant: long.Variant, By: long.By, Salt: long.Salt}
	for _, p := range long.Split {
		x.Split = append(x.Split, flag.Portion{Variant: p.key, Weight: p.value})
	}
}

// Schema describes what is served.
func (*serve) Schema() map[string]any {
	return document.AnyOf(map[string]any{"type": "string"}, map[string]any{"type": "object"})
}

// Parse reads a file of flags. The error has everything that is wrong, with its place.
func Parse(name string, src []byte) (*File, error) {
	tree, problems := document.Read(name, src)
	problems.Reason = "flags_file_invalid"
	if tree == nil {
		for i := range problems.List {
			if strings.HasPrefix(problems.List[i].Remedy, "begin with") { // that is how a strategy begins
				problems.List[i].Remedy = `begin with "flags:"`
			}
		}
		return nil, problems
	}
	var r root
	(&document.Decoder{Problems: problems}).Decode(tree, &r)
	if len(problems.List) > 0 { // what follows from a word that was misread helps nobody
		problems.Sort()
		return nil, problems
	}
	f := &File{App: r.App}
	for _, e := range r.Flags {
		one := e.value.flag(e.key)
		complain(problems, e.place, "flags."+e.key, one.Validate())
		f.Flags = append(f.Flags, one)
	}
	for _, e := range r.Segments {
		for _, at := range e.value.Environments {
			g := at.value.segment(e.key, at.key)
			complain(problems, at.place, "segments."+e.key+"."+at.key, g.Validate())
			f.Segments = append(f.Segments, g)
		}
	}
	if len(problems.List) > 0 {
		problems.Sort()
		return nil, problems
	}
	return f, nil
}

// complain adds what a check says to what is wrong with the file.
func complain(p *document.Problems, at document.Place, path string, err error) {
	if err == nil {
		return
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Fields) > 0 {
		for _, field := range f.Fields {
			p.AddAt(at, path+"."+field.Path, field.Path+": "+field.Message, "")
		}
		return
	}
	p.AddAt(at, path, fault.MessageOf(err), "")
}

// flag is the flag that a shape describes.
func (s flagShape) flag(key string) Flag {
	f := Flag{Flag: flag.Flag{
		Key: key, Kind: flag.Kind(s.Kind), Description: s.Description, Owner: s.Owner, Tags: s.Tags, Client: s.Client,
		Permanent: s.Permanent, Expires: time.Time(s.Expires), Bucketing: s.Bucketing,
	}}
	if f.Kind == "" {
		f.Kind = flag.Boolean
	}
	if f.Bucketing == 0 {
		f.Bucketing = 2
	}
	about := map[string]string{}
	for _, a := range s.About {
		about[a.key] = a.value
	}
	for _, v := range s.Variants {
		f.Variants = append(f.Variants, flag.Variant{Name: v.key, Value: v.value.RawMessage, Description: about[v.key]})
	}
	if len(f.Variants) == 0 && f.Kind == flag.Boolean {
		f.Variants = onAndOff()
	}
	for _, e := range s.Environments {
		f.Configs = append(f.Configs, e.value.config(key, e.key))
	}
	return f
}

// onAndOff are the variants of a boolean flag that names none.
func onAndOff() []flag.Variant {
	return []flag.Variant{
		{Name: "on", Value: json.RawMessage("true")}, {Name: "off", Value: json.RawMessage("false")},
	}
}

func (s configShape) config(key, environment string) Config {
	c := Config{Config: flag.Config{Flag: key, Environment: environment, Off: s.Off, Default: s.Default.Serve}}
	if s.On != nil {
		c.On, c.Switched = *s.On, true
	}
	for _, n := range s.Needs {
		c.Needs = append(c.Needs, flag.Prerequisite{Flag: n.key, Variants: n.value})
	}
	for _, r := range s.Rules {
		c.Rules = append(c.Rules, flag.Rule{ID: r.ID, Description: r.Description, If: r.If, Serve: r.Serve.Serve})
	}
	if s.Targeting != nil {
		c.Targeting, _ = json.Marshal(s.Targeting) // it came from YAML without anything else
	}
	return c
}

func (s groupShape) segment(key, environment string) Segment {
	g := Segment{Members: s.Members, Segment: flag.Segment{
		Key: key, Environment: environment, Description: s.Description, By: s.By, Excluded: s.Excluded,
	}}
	for _, group := range s.Any {
		g.Any = append(g.Any, group)
	}
	return g
}
