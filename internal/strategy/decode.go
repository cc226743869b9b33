package strategy

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// reader is a type that reads its own form of value.
type reader interface {
	read(d *decoder, path []string, n *node)
	schema() map[string]any
}

// expander is a type that may be written short: expand returns the long form.
type expander interface {
	expand(n *node) *node
	short() map[string]any // schema of the short form
}

// template is an element of a list or mapping whose missing keys have defaults.
type template interface{ template() string }

// decoder fills values from a tree and collects everything that is wrong.
type decoder struct{ *Problems }

// wrong records a problem at a node.
func (d *decoder) wrong(n *node, path []string, message, remedy string) {
	d.addAt(n.place, join(path), message, remedy)
}

// decode fills v, which is addressable, from n.
func (d *decoder) decode(path []string, n *node, v reflect.Value) {
	if n == nil || n.form == null {
		return
	}
	if e, ok := v.Addr().Interface().(expander); ok {
		n = e.expand(n)
	}
	if r, ok := v.Addr().Interface().(reader); ok {
		r.read(d, path, n)
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
		if d.isScalar(path, n, "a text") {
			v.SetString(n.text)
		}
	case reflect.Bool:
		d.boolean(path, n, v)
	case reflect.Int:
		d.integer(path, n, v)
	case reflect.Float64:
		d.number(path, n, v)
	case reflect.Interface:
		if x := n.value(); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	}
}

// isScalar reports whether n is a single value and complains when it is not.
func (d *decoder) isScalar(path []string, n *node, want string) bool {
	if n.form == scalar {
		return true
	}
	remedy := "write a single value here"
	if n.form == mapping && len(n.keys) == 1 {
		remedy = "put quotes around a text with a colon"
	}
	d.wrong(n, path, "want "+want+", got "+n.form.String(), remedy)
	return false
}

// String names the form for people.
func (f form) String() string {
	switch f {
	case list:
		return "a list"
	case mapping:
		return "keys with values"
	case scalar:
		return "a single value"
	}
	return "nothing"
}

func (d *decoder) boolean(path []string, n *node, v reflect.Value) {
	switch {
	case !d.isScalar(path, n, "true or false"):
	case n.text == "true" || n.text == "on":
		v.SetBool(true)
	case n.text == "false" || n.text == "off":
		v.SetBool(false)
	default:
		d.wrong(n, path, fmt.Sprintf("want true or false, got %q", n.text), "write true or false")
	}
}

func (d *decoder) integer(path []string, n *node, v reflect.Value) {
	if !d.isScalar(path, n, "a whole number") {
		return
	}
	i, err := strconv.ParseInt(n.text, 10, 32)
	if err != nil {
		d.wrong(n, path, fmt.Sprintf("want a whole number, got %q", n.text), "write digits only")
		return
	}
	v.SetInt(i)
}

func (d *decoder) number(path []string, n *node, v reflect.Value) {
	if !d.isScalar(path, n, "a number") {
		return
	}
	f, err := strconv.ParseFloat(n.text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		d.wrong(n, path, fmt.Sprintf("want a number, got %q", n.text), "write a number such as 5 or 0.5")
		return
	}
	v.SetFloat(f)
}

// structure fills a struct; its fields are the known keys.
func (d *decoder) structure(path []string, n *node, v reflect.Value) {
	if n.form != mapping {
		d.wrong(n, path, "want keys with values, got "+n.form.String(), "known keys: "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	rest := restOf(v.Type())
	for _, e := range n.keys {
		here := append(slices.Clone(path), e.name)
		if i := fieldOf(v.Type(), e.name); i >= 0 {
			d.decode(here, e.value, v.Field(i))
			d.enum(here, e.value, v.Type().Field(i))
			continue
		}
		if rest >= 0 && isName(e.name) {
			d.element(here, e, v.Field(rest))
			d.enum(here, e.value, v.Type().Field(rest))
			continue
		}
		d.addAt(e.place, join(here), fmt.Sprintf("unknown key %q", e.name), choose(e.name, keysOf(v.Type())))
	}
}

// enum complains about a word that is none of those its field knows.
func (d *decoder) enum(path []string, n *node, f reflect.StructField) {
	words := strings.Split(f.Tag.Get("enum"), ",")
	if words[0] != "" && n.form == scalar && !slices.Contains(words, n.text) {
		d.wrong(n, path, fmt.Sprintf("%q is none of the words known here", n.text), choose(n.text, words))
	}
}

// table fills a map with names as keys.
func (d *decoder) table(path []string, n *node, v reflect.Value) {
	if n.form != mapping {
		d.wrong(n, path, "want names with values, got "+n.form.String(), "write \"name: value\"")
		return
	}
	t := v.Type().Elem()
	named := !isReader(t) && (t.Kind() == reflect.Struct || t.Kind() == reflect.Slice)
	for _, e := range n.keys {
		here := append(slices.Clone(path), e.name)
		if named && !isName(e.name) {
			d.addAt(e.place, join(here), fmt.Sprintf("%q cannot be a name", e.name),
				fmt.Sprintf("names have 1 to %d lower-case letters, digits, _ and -, a letter first", maxName))
			continue
		}
		d.element(here, e, v)
	}
}

func (d *decoder) element(path []string, e entry, m reflect.Value) {
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	x := reflect.New(m.Type().Elem()).Elem()
	d.decode(path, e.value, x)
	m.SetMapIndex(reflect.ValueOf(e.name), x)
}

func (d *decoder) slice(path []string, n *node, v reflect.Value) {
	if n.form != list {
		d.wrong(n, path, "want a list, got "+n.form.String(), "write [one, two]")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		here := append(slices.Clone(path), strconv.Itoa(i))
		if item.form == null {
			d.wrong(item, here, "an empty item in a list", "remove it")
			continue
		}
		d.decode(here, item, out.Index(i))
	}
	v.Set(out)
}

// value returns what YAML means by the node, for places that take anything.
func (n *node) value() any {
	switch n.form {
	case scalar:
		if n.plain {
			if b, err := strconv.ParseBool(n.text); err == nil && (n.text == "true" || n.text == "false") {
				return b
			}
			if f, err := strconv.ParseFloat(n.text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
				return f
			}
		}
		return n.text
	case list:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = item.value()
		}
		return out
	case mapping:
		out := make(map[string]any, len(n.keys))
		for _, e := range n.keys {
			out[e.name] = e.value.value()
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

// isName reports whether s can name something in a strategy.
func isName(s string) bool {
	return regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`).MatchString(s)
}

// merge lays the user's tree over the defaults for a value of type t: keys are
// merged one by one, everything else is replaced as a whole.
func merge(t reflect.Type, under, over *node) *node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	under, over = expand(t, under), expand(t, over)
	switch {
	case over == nil || over.form == null:
		if under == nil {
			return over
		}
		return merge(t, nil, under) // brings what is written short into its long form
	case isReader(t):
		return over
	case t.Kind() == reflect.Slice && over.form == list:
		out := *over
		out.items = make([]*node, len(over.items))
		for i, item := range over.items {
			out.items[i] = merge(t.Elem(), templateOf(t.Elem()), item)
		}
		return &out
	case over.form != mapping || t.Kind() != reflect.Struct && t.Kind() != reflect.Map:
		return over
	}
	out := &node{form: mapping, place: over.place}
	if under != nil && under.form == mapping {
		for _, e := range under.keys {
			if over.has(e.name) == nil {
				out.keys = append(out.keys, entry{e.name, e.place, merge(elementType(t, e.name), nil, e.value)})
				continue
			}
			o := over.has(e.name)
			out.keys = append(out.keys, entry{e.name, o.place, merge(elementType(t, e.name), e.value, o.value)})
		}
	}
	for _, e := range over.keys {
		if under.get(e.name) == nil {
			et := elementType(t, e.name)
			out.keys = append(out.keys, entry{e.name, e.place, merge(et, templateOf(et), e.value)})
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

func isReader(t reflect.Type) bool { return reflect.PointerTo(t).Implements(reflect.TypeFor[reader]()) }

func templateOf(t reflect.Type) *node {
	if x, ok := reflect.New(t).Interface().(template); ok {
		return parseText(x.template())
	}
	return nil
}

func expand(t reflect.Type, n *node) *node {
	if n == nil || n.form == null {
		return n
	}
	if x, ok := reflect.New(t).Interface().(expander); ok {
		return x.expand(n)
	}
	return n
}

// wrap returns the mapping {key: n}, at the place of n.
func wrap(key string, n *node) *node {
	return &node{form: mapping, place: n.place, keys: []entry{{key, n.place, n}}}
}
