package strategy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The limits of a file. Within them the parser's work is bounded.
const (
	MaxSize  = 256 << 10 // bytes
	maxDepth = 24        // of nesting
	maxName  = 64        // characters of a name
	maxIn    = 400       // columns of indentation
	maxToken = 20_000    // words and marks: the parser's time grows with their square
)

// form is what kind of value a node is.
type form int

const (
	null form = iota
	scalar
	list
	mapping
)

// node is a value of the file with its place. Its own tree, and not the parser's,
// because defaults are laid under it and every value must be able to say where it
// came from.
type node struct {
	form  form
	text  string // scalar: as written, without quotes
	plain bool   // scalar: written without quotes
	keys  []entry
	items []*node
	place place
}

// entry is one key of a mapping.
type entry struct {
	name  string
	place place
	value *node
}

// place is where something stands. Line 0 is a default's: nowhere in the file.
type place struct {
	line, column, width int
}

// get returns the value of a mapping's key, or nil.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for _, e := range n.keys {
		if e.name == name {
			return e.value
		}
	}
	return nil
}

// set replaces or adds a key.
func (n *node) set(name string, p place, v *node) {
	for i, e := range n.keys {
		if e.name == name {
			n.keys[i].value, n.keys[i].place = v, p
			return
		}
	}
	n.keys = append(n.keys, entry{name, p, v})
}

// find follows a path of keys and indexes. It returns the place of what it leads
// to, or of the last part of the way that stands in the file, and whether the path
// ends in a default: something that is there, but that nobody wrote.
func (n *node) find(path []string) (best place, isDefault bool) {
	best = place{1, 1, 1}
	if n == nil {
		return best, false
	}
	if n.form == mapping && n.place.line > 0 {
		best = n.place
	}
	for _, part := range path {
		next, at := n.step(part)
		if next == nil {
			return best, false
		}
		if next.form == scalar || next.form == list {
			at = next.place
		}
		if at.line > 0 {
			best = at
		}
		n, isDefault = next, at.line == 0
	}
	return best, isDefault
}

// step follows one part of a path; at is where the key or the item stands.
func (n *node) step(part string) (next *node, at place) {
	switch n.form {
	case mapping:
		if e := n.has(part); e != nil {
			return e.value, e.place
		}
	case list:
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.items) {
			return n.items[i], n.items[i].place
		}
	}
	return nil, place{}
}

// key returns the place of the key that a path ends in.
func (n *node) key(path []string) place {
	at, _ := n.find(path)
	for i, part := range path {
		next, here := n.step(part)
		if next == nil {
			break
		}
		if i == len(path)-1 && here.line > 0 {
			return here
		}
		n = next
	}
	return at
}

// read turns the source into a tree. Everything that is wrong is added to p; the
// tree is nil when nothing could be read at all.
func read(p *Problems) *node {
	switch {
	case len(p.src) > MaxSize:
		p.addAt(place{1, 1, 1}, "", fmt.Sprintf("the file has %d bytes; at most %d are read", len(p.src), MaxSize),
			"a strategy is a page of text: is this the right file?")
		return nil
	case !isText(p.src):
		p.addAt(place{1, 1, 1}, "", "the file is not UTF-8 text", "save it as UTF-8")
		return nil
	}
	tokens, err := guarded(func() (token.Tokens, error) { return lexer.Tokenize(string(p.src)), nil })
	if err == nil && !admissible(p, tokens) {
		return nil
	}
	var f *ast.File
	if err == nil {
		f, err = guarded(func() (*ast.File, error) { return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) })
	}
	if err != nil {
		p.addSyntax(err)
		return nil
	}
	var body ast.Node
	for _, d := range f.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			p.addAt(placeOf(d.Body.GetToken()), "", "a second document begins here", "keep one document in the file")
			return nil
		}
		body = d.Body
	}
	if body == nil {
		p.addAt(place{1, 1, 1}, "", "the file is empty", `begin with "app: NAME", or let "slipway init" write one`)
		return nil
	}
	root := p.tree(body, nil, 0)
	if root != nil && root.form != mapping {
		p.addAt(root.place, "", "the file must hold keys with values", `begin with "app: NAME"`)
		return nil
	}
	return root
}

// guarded runs the parser. It is somebody else's code on somebody's text: should it
// panic, the file is refused and the program goes on.
func guarded[T any](run func() (T, error)) (out T, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("the parser gave up: %v", e)
		}
	}()
	return run()
}

// admissible looks at the tokens before the parser does: it recurses, so depth is
// bounded here, and what could multiply the document's size is refused.
func admissible(p *Problems, tokens token.Tokens) bool {
	if len(tokens) > maxToken {
		p.addAt(place{1, 1, 1}, "", fmt.Sprintf("the file has %d words and marks; at most %d are read", len(tokens), maxToken),
			"a strategy is a page of text: is this the right file?")
		return false
	}
	flow, line, dashes := 0, 0, 0
	for _, t := range tokens {
		if t.Position == nil {
			continue
		}
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
			if t.Position.Column > maxIn {
				p.addAt(placeOf(t), "", fmt.Sprintf("indented by more than %d columns", maxIn), "write it less deep")
				return false
			}
		}
		what := ""
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		case token.AnchorType:
			what = "anchors (&)"
		case token.AliasType:
			what = "aliases (*)"
		case token.MergeKeyType:
			what = "merge keys (<<)"
		case token.TagType:
			what = "tags (!)"
		case token.DirectiveType:
			what = "directives (%)"
		case token.InvalidType:
			message, remedy := "this is not YAML: "+orElse(t.Error, "an unknown mark"), "look at indentation, quotes and brackets here"
			if strings.Contains(t.Error, "'\t'") {
				message, remedy = "this is not YAML: a tab begins here", "indent with spaces"
			}
			p.addAt(placeOf(t), "", message, remedy)
			return false
		}
		if what != "" {
			p.addAt(placeOf(t), "", what+" are not read in a strategy", "write the value out")
			return false
		}
		if flow > maxDepth || dashes > maxDepth {
			p.addAt(placeOf(t), "", fmt.Sprintf("nested deeper than %d levels", maxDepth), "write it less deep")
			return false
		}
	}
	return true
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// tree converts the parser's nodes.
func (p *Problems) tree(n ast.Node, path []string, depth int) *node {
	if n == nil || depth > maxDepth {
		if n != nil {
			p.addAt(placeOf(n.GetToken()), "", fmt.Sprintf("nested deeper than %d levels", maxDepth), "write it less deep")
		}
		return &node{form: null}
	}
	at := placeOf(n.GetToken())
	switch n := n.(type) {
	case *ast.NullNode:
		return &node{form: null, place: at}
	case *ast.MappingNode:
		return p.mapping(n.Values, at, path, depth)
	case *ast.MappingValueNode:
		return p.mapping([]*ast.MappingValueNode{n}, at, path, depth)
	case *ast.SequenceNode:
		out := &node{form: list, place: at}
		for i, v := range n.Values {
			out.items = append(out.items, p.tree(v, append(path, fmt.Sprint(i)), depth+1))
		}
		return out
	case *ast.LiteralNode:
		return &node{form: scalar, text: n.Value.Value, place: at}
	case *ast.StringNode:
		return &node{form: scalar, text: n.Value, plain: n.Token.Type == token.StringType, place: at}
	case ast.ScalarNode:
		return &node{form: scalar, text: n.GetToken().Value, plain: true, place: at}
	}
	p.addAt(at, join(path), "this kind of value is not read in a strategy", "write a plain value")
	return &node{form: null, place: at}
}

func (p *Problems) mapping(values []*ast.MappingValueNode, at place, path []string, depth int) *node {
	out := &node{form: mapping, place: at}
	if len(values) > 0 {
		out.place = placeOf(values[0].Key.GetToken())
	}
	for _, v := range values {
		key := v.Key.GetToken()
		name, here := key.Value, placeOf(key)
		if old := out.has(name); old != nil {
			p.addAt(here, join(append(path, name)), fmt.Sprintf("the key %q is here for the second time", name),
				fmt.Sprintf("remove one: the first is in line %d", old.place.line))
			continue
		}
		out.keys = append(out.keys, entry{name, here, p.tree(v.Value, append(path, name), depth+1)})
	}
	return out
}

func (n *node) has(name string) *entry {
	for i := range n.keys {
		if n.keys[i].name == name {
			return &n.keys[i]
		}
	}
	return nil
}

// placeOf returns where a token stands.
func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1, 1}
	}
	width := len([]rune(strings.TrimSpace(t.Origin)))
	if strings.Contains(t.Origin, "\n") && t.Type != token.StringType {
		width = 1
	}
	if t.Type == token.StringType || t.Type == token.IntegerType || t.Type == token.FloatType {
		width = len([]rune(t.Value))
	}
	return place{t.Position.Line, max(t.Position.Column, 1), max(width, 1)}
}

// addSyntax adds the parser's own complaint.
func (p *Problems) addSyntax(err error) {
	var y yaml.Error
	if errors.As(err, &y) {
		p.addAt(placeOf(y.GetToken()), "", "this is not YAML: "+y.GetMessage(), "look at indentation, quotes and brackets here")
		return
	}
	p.addAt(place{1, 1, 1}, "", "this is not YAML: "+err.Error(), "look at indentation, quotes and brackets")
}

// parseText reads a text of our own, the defaults: every place in it is nowhere.
func parseText(text string) *node {
	p := &Problems{src: []byte(text)}
	n := read(p)
	n.forget()
	return n
}

// forget takes the places away.
func (n *node) forget() {
	if n == nil {
		return
	}
	n.place = place{}
	for i := range n.keys {
		n.keys[i].place = place{}
		n.keys[i].value.forget()
	}
	for _, item := range n.items {
		item.forget()
	}
}
