package document

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Reader is a type that reads its own form of value.
type Reader interface {
	Read(d *Decoder, path []string, n *Node)
	Schema() map[string]any
}

// Expander is a type that may be written short: Expand returns the long form.
type Expander interface {
	Expand(n *Node) *Node
	Short() map[string]any // schema of the short form
}

// Template is an element of a list or mapping whose missing keys have defaults.
type Template interface{ Template() string }

// Decoder fills values from a tree and collects everything that is wrong.
type Decoder struct{ *Problems }

// Wrong records a problem at a node.
func (d *Decoder) Wrong(n *Node, path []string, message, remedy string) {
	d.AddAt(n.Place, Join(path), message, remedy)
}

// Decode fills the struct that v points to from a tree. Fields are found by their
// yaml tag; the tag * takes every other key into a map. An enum tag lists the words
// that a text may be.
func (d *Decoder) Decode(tree *Node, v any) { d.decode(nil, tree, reflect.ValueOf(v).Elem()) }

// DecodeAt is Decode below a path, for types that read themselves.
func (d *Decoder) DecodeAt(path []string, tree *Node, v any) {
	d.decode(path, tree, reflect.ValueOf(v).Elem())
}

// decode fills v, which is addressable, from n.
func (d *Decoder) decode(path []string, n *Node, v reflect.Value) {
	if n == nil || n.Form == Null {
		return
	}
	if e, ok := v.Addr().Interface().(Expander); ok {
		n = e.Expand(n)
	}
	if r, ok := v.Addr().Interface().(Reader); ok {
		r.Read(d, path, n)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(path, n, v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(path, n, v.Elem())
	case reflect.Map:
		d.table(path, n, v)
	case reflect.Slice:
		d.slice(path, n, v)
	case reflect.String:
		if d.IsScalar(path, n, "a text") {
			v.SetString(n.Text)
		}
	case reflect.Bool:
		d.boolean(path, n, v)
	case reflect.Int:
		d.integer(path, n, v)
	case reflect.Float64:
		d.number(path, n, v)
	case reflect.Interface:
		if x := n.Any(); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	}
}

// IsScalar reports whether n is a single value and complains when it is not.
func (d *Decoder) IsScalar(path []string, n *Node, want string) bool {
	if n.Form == Scalar {
		return true
	}
	remedy := "write a single value here"
	if n.Form == Mapping && len(n.Keys) == 1 {
		remedy = "put quotes around a text with a colon"
	}
	d.Wrong(n, path, "want "+want+", got "+n.Form.String(), remedy)
	return false
}

// String names the form for people.
func (f Form) String() string {
	switch f {
	case List:
		return "a list"
	case Mapping:
		return "keys with values"
	case Scalar:
		return "a single value"
	}
	return "nothing"
}

func (d *Decoder) boolean(path []string, n *Node, v reflect.Value) {
	switch {
	case !d.IsScalar(path, n, "true or false"):
	case n.Text == "true" || n.Text == "on":
		v.SetBool(true)
	case n.Text == "false" || n.Text == "off":
		v.SetBool(false)
	default:
		d.Wrong(n, path, fmt.Sprintf("want true or false, got %q", n.Text), "write true or false")
	}
}

func (d *Decoder) integer(path []string, n *Node, v reflect.Value) {
	if !d.IsScalar(path, n, "a whole number") {
		return
	}
	i, err := strconv.ParseInt(n.Text, 10, 32)
	if err != nil {
		d.Wrong(n, path, fmt.Sprintf("want a whole number, got %q", n.Text), "write digits only")
		return
	}
	v.SetInt(i)
}

func (d *Decoder) number(path []string, n *Node, v reflect.Value) {
	if !d.IsScalar(path, n, "a number") {
		return
	}
	f, err := strconv.ParseFloat(n.Text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		d.Wrong(n, path, fmt.Sprintf("want a number, got %q", n.Text), "write a number such as 5 or 0.5")
		return
	}
	v.SetFloat(f)
}

// structure fills a struct; its fields are the known keys.
func (d *Decoder) structure(path []string, n *Node, v reflect.Value) {
	if n.Form != Mapping {
		d.Wrong(n, path, "want keys with values, got "+n.Form.String(), "known keys: "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	rest := restOf(v.Type())
	for _, e := range n.Keys {
		here := append(slices.Clone(path), e.Name)
		if i := fieldOf(v.Type(), e.Name); i >= 0 {
			d.decode(here, e.Value, v.Field(i))
			d.enum(here, e.Value, v.Type().Field(i))
			continue
		}
		if rest >= 0 && IsName(e.Name) {
			d.element(here, e, v.Field(rest))
			d.enum(here, e.Value, v.Type().Field(rest))
			continue
		}
		d.AddAt(e.Place, Join(here), fmt.Sprintf("unknown key %q", e.Name), Choose(e.Name, keysOf(v.Type())))
	}
}

// enum complains about a word that is none of those its field knows.
func (d *Decoder) enum(path []string, n *Node, f reflect.StructField) {
	words := strings.Split(f.Tag.Get("enum"), ",")
	if words[0] != "" && n.Form == Scalar && !slices.Contains(words, n.Text) {
		d.Wrong(n, path, fmt.Sprintf("%q is none of the words known here", n.Text), Choose(n.Text, words))
	}
}

// table fills a map with names as keys.
func (d *Decoder) table(path []string, n *Node, v reflect.Value) {
	if n.Form != Mapping {
		d.Wrong(n, path, "want names with values, got "+n.Form.String(), "write \"name: value\"")
		return
	}
	t := v.Type().Elem()
	named := !isReader(t) && (t.Kind() == reflect.Struct || t.Kind() == reflect.Slice)
	for _, e := range n.Keys {
		here := append(slices.Clone(path), e.Name)
		if named && !IsName(e.Name) {
			d.AddAt(e.Place, Join(here), fmt.Sprintf("%q cannot be a name", e.Name),
				fmt.Sprintf("names have 1 to %d lower-case letters, digits, _ and -, a letter first", MaxName))
			continue
		}
		d.element(here, e, v)
	}
}

func (d *Decoder) element(path []string, e Entry, m reflect.Value) {
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	x := reflect.New(m.Type().Elem()).Elem()
	d.decode(path, e.Value, x)
	m.SetMapIndex(reflect.ValueOf(e.Name), x)
}

func (d *Decoder) slice(path []string, n *Node, v reflect.Value) {
	if n.Form != List {
		d.Wrong(n, path, "want a list, got "+n.Form.String(), "write [one, two]")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		here := append(slices.Clone(path), strconv.Itoa(i))
		if item.Form == Null {
			d.Wrong(item, here, "an empty item in a list", "remove it")
			continue
		}
		d.decode(here, item, out.Index(i))
	}
	v.Set(out)
}

// Any returns what YAML means by the node, for places that take anything.
func (n *Node) Any() any {
	switch n.Form {
	case Scalar:
		if n.Plain {
			if b, err := strconv.ParseBool(n.Text); err == nil && (n.Text == "true" || n.Text == "false") {
				return b
			}
			if f, err := strconv.ParseFloat(n.Text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
				return f
			}
		}
		return n.Text
	case List:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = item.Any()
		}
		return out
	case Mapping:
		out := make(map[string]any, len(n.Keys))
		for _, e := range n.Keys {
			out[e.Name] = e.Value.Any()
		}
		return out
	}
	return nil
}

// keysOf returns the known keys of a struct type in their order.
func keysOf(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" && name != "*" {
			out = append(out, name)
		}
	}
	return out
}

func fieldOf(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == name && name != "*" {
			return i
		}
	}
	return -1
}

// restOf returns the field that takes all other keys, or -1.
func restOf(t reflect.Type) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == "*" {
			return i
		}
	}
	return -1
}

// IsName reports whether s can name something in a file: 1 to MaxName lower-case
// letters, digits, _ and -, a letter first.
func IsName(s string) bool {
	return len(s) <= MaxName && consists(s, lower, lower+digits+"_-")
}

// Letters that names and texts consist of.
const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// consists reports whether s begins with one of first and goes on with rest.
func consists(s, first, rest string) bool {
	return s != "" && strings.IndexByte(first, s[0]) >= 0 && strings.Trim(s[1:], rest) == ""
}

// Merge lays the user's tree over the defaults for a value of type t: keys are
// merged one by one, everything else is replaced as a whole.
func Merge(t reflect.Type, under, over *Node) *Node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	under, over = expand(t, under), expand(t, over)
	switch {
	case over == nil || over.Form == Null:
		if under == nil {
			return over
		}
		return Merge(t, nil, under) // brings what is written short into its long form
	case isReader(t):
		return over
	case t.Kind() == reflect.Slice && over.Form == List:
		out := *over
		out.Items = make([]*Node, len(over.Items))
		for i, item := range over.Items {
			out.Items[i] = Merge(t.Elem(), templateOf(t.Elem()), item)
		}
		return &out
	case over.Form != Mapping || t.Kind() != reflect.Struct && t.Kind() != reflect.Map:
		return over
	}
	out := &Node{Form: Mapping, Place: over.Place}
	if under != nil && under.Form == Mapping {
		for _, e := range under.Keys {
			if over.Has(e.Name) == nil {
				out.Keys = append(out.Keys, Entry{e.Name, e.Place, Merge(elementType(t, e.Name), nil, e.Value)})
				continue
			}
			o := over.Has(e.Name)
			out.Keys = append(out.Keys, Entry{e.Name, o.Place, Merge(elementType(t, e.Name), e.Value, o.Value)})
		}
	}
	for _, e := range over.Keys {
		if under.Get(e.Name) == nil {
			et := elementType(t, e.Name)
			out.Keys = append(out.Keys, Entry{e.Name, e.Place, Merge(et, templateOf(et), e.Value)})
		}
	}
	return out
}

// elementType returns the type of a key's value in a struct or map type.
func elementType(t reflect.Type, name string) reflect.Type {
	if t.Kind() == reflect.Map {
		return t.Elem()
	}
	if i := fieldOf(t, name); i >= 0 {
		return t.Field(i).Type
	}
	if i := restOf(t); i >= 0 {
		return t.Field(i).Type.Elem()
	}
	return reflect.TypeFor[any]()
}

func isReader(t reflect.Type) bool { return reflect.PointerTo(t).Implements(reflect.TypeFor[Reader]()) }

func templateOf(t reflect.Type) *Node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if x, ok := reflect.New(t).Interface().(Template); ok {
		return ParseText(x.Template())
	}
	return nil
}

func expand(t reflect.Type, n *Node) *Node {
	if n == nil || n.Form == Null {
		return n
	}
	if x, ok := reflect.New(t).Interface().(Expander); ok {
		return x.Expand(n)
	}
	return n
}

// Wrap returns the mapping {key: n}, at the place of n.
func Wrap(key string, n *Node) *Node {
	return &Node{Form: Mapping, Place: n.Place, Keys: []Entry{{key, n.Place, n}}}
}

// Arrange brings keys into the order of the file's shape, so that the order in
// which somebody wrote them means nothing. Names in a mapping keep theirs.
func Arrange(t reflect.Type, n *Node) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n == nil || isReader(t) {
		return
	}
	if t.Kind() == reflect.Slice {
		for _, item := range n.Items {
			Arrange(t.Elem(), item)
		}
		return
	}
	if t.Kind() == reflect.Struct {
		slices.SortStableFunc(n.Keys, func(a, b Entry) int { return rank(t, a.Name) - rank(t, b.Name) })
	}
	if t.Kind() == reflect.Struct || t.Kind() == reflect.Map {
		for _, e := range n.Keys {
			Arrange(elementType(t, e.Name), e.Value)
		}
	}
}

// rank is where a key stands in its struct; those that are no field come first.
func rank(t reflect.Type, name string) int { return fieldOf(t, name) }

// PlaceOf returns the place of a mapping's key; of a missing one, nowhere.
func (n *Node) PlaceOf(key string) Place {
	if n == nil {
		return Place{}
	}
	if e := n.Has(key); e != nil {
		return e.Place
	}
	return Place{}
}

// Copy returns a deep copy.
func (n *Node) Copy() *Node {
	if n == nil {
		return nil
	}
	out := *n
	out.Keys = make([]Entry, len(n.Keys))
	for i, e := range n.Keys {
		out.Keys[i] = Entry{e.Name, e.Place, e.Value.Copy()}
	}
	out.Items = make([]*Node, len(n.Items))
	for i, item := range n.Items {
		out.Items[i] = item.Copy()
	}
	return &out
}
