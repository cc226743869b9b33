// Package document reads a YAML file strictly, and remembers where everything stands.
//
// A file becomes a tree of nodes with places; a default tree is laid under it
// (Merge), the result is decoded into structs by their yaml tags (Decoder), and can
// be written down again with the origin of every value (Write). Whatever is wrong is
// collected, not only the first: unknown keys, keys twice, wrong types, each with
// line, column, a picture and a remedy (Problems). Size, depth and number of marks
// are bounded before the parser runs; anchors, aliases and tags are refused, so a
// short file is a small tree.
//
// It knows nothing of what a file means: that is its caller's.
package document

import (
	"errors"
	"fmt"
	"slices"
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
	MaxName  = 64        // characters of a name
	maxDepth = 24        // of nesting
	maxIn    = 400       // columns of indentation
	maxToken = 20_000    // words and marks: the parser's time grows with their square
)

// Form is what kind of value a node is.
type Form int

// The forms.
const (
	Null Form = iota
	Scalar
	List
	Mapping
)

// Node is a value of the file with its place. Its own tree, and not the parser's,
// because defaults are laid under it and every value must be able to say where it
// came from.
type Node struct {
	Form  Form
	Text  string // Scalar: as written, without quotes
	Plain bool   // Scalar: written without quotes
	Keys  []Entry
	Items []*Node
	Place Place
}

// Entry is one key of a mapping.
type Entry struct {
	Name  string
	Place Place
	Value *Node
}

// Place is where something stands. Line 0 is a default's: nowhere in the file.
type Place struct {
	Line, Column, Width int
}

// Get returns the value of a mapping's key, or nil.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	for _, e := range n.Keys {
		if e.Name == name {
			return e.Value
		}
	}
	return nil
}

// Set replaces or adds a key.
func (n *Node) Set(name string, p Place, v *Node) {
	for i, e := range n.Keys {
		if e.Name == name {
			n.Keys[i].Value, n.Keys[i].Place = v, p
			return
		}
	}
	n.Keys = append(n.Keys, Entry{name, p, v})
}

// Drop takes a key out.
func (n *Node) Drop(name string) {
	n.Keys = slices.DeleteFunc(n.Keys, func(e Entry) bool { return e.Name == name })
}

// Find follows a path of keys and indexes. It returns the place of what it leads
// to, or of the last part of the way that stands in the file, and whether the path
// ends in a default: something that is there, but that nobody wrote.
func (n *Node) Find(path []string) (best Place, isDefault bool) {
	best = Place{1, 1, 1}
	if n == nil {
		return best, false
	}
	if n.Form == Mapping && n.Place.Line > 0 {
		best = n.Place
	}
	for _, part := range path {
		next, at := n.step(part)
		if next == nil {
			return best, false
		}
		if next.Form == Scalar || next.Form == List {
			at = next.Place
		}
		if at.Line > 0 {
			best = at
		}
		n, isDefault = next, at.Line == 0
	}
	return best, isDefault
}

// step follows one part of a path; at is where the key or the item stands.
func (n *Node) step(part string) (next *Node, at Place) {
	switch n.Form {
	case Mapping:
		if e := n.Has(part); e != nil {
			return e.Value, e.Place
		}
	case List:
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.Items) {
			return n.Items[i], n.Items[i].Place
		}
	}
	return nil, Place{}
}

// Key returns the place of the key that a path ends in.
func (n *Node) Key(path []string) Place {
	at, _ := n.Find(path)
	for i, part := range path {
		next, here := n.step(part)
		if next == nil {
			break
		}
		if i == len(path)-1 && here.Line > 0 {
			return here
		}
		n = next
	}
	return at
}

// Read turns the source of a file called name into a tree. The tree is nil when
// nothing could be read at all; whatever is wrong is in the problems.
func Read(name string, src []byte) (*Node, *Problems) {
	p := &Problems{Name: name, src: src}
	return read(p), p
}

func read(p *Problems) *Node {
	switch {
	case len(p.src) > MaxSize:
		p.AddAt(Place{1, 1, 1}, "", fmt.Sprintf("the file has %d bytes; at most %d are read", len(p.src), MaxSize),
			"it should be a page of text: is this the right file?")
		return nil
	case !isText(p.src):
		p.AddAt(Place{1, 1, 1}, "", "the file is not UTF-8 text", "save it as UTF-8")
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
			p.AddAt(placeOf(d.Body.GetToken()), "", "a second document begins here", "keep one document in the file")
			return nil
		}
		body = d.Body
	}
	if body == nil {
		p.AddAt(Place{1, 1, 1}, "", "the file is empty", `begin with "app: NAME", or let "slipway init" write one`)
		return nil
	}
	root := p.tree(body, nil, 0)
	if root != nil && root.Form != Mapping {
		p.AddAt(root.Place, "", "the file must hold keys with values", `begin with "app: NAME"`)
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
		p.AddAt(Place{1, 1, 1}, "", fmt.Sprintf("the file has %d words and marks; at most %d are read", len(tokens),
			maxToken),
			"it should be a page of text: is this the right file?")
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
				p.AddAt(placeOf(t), "", fmt.Sprintf("indented by more than %d columns", maxIn), "write it less deep")
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
			message, remedy := "this is not YAML: "+orElse(t.Error, "an unknown mark"),
				"look at indentation, quotes and brackets here"
			if strings.Contains(t.Error, "'\t'") {
				message, remedy = "this is not YAML: a tab begins here", "indent with spaces"
			}
			p.AddAt(placeOf(t), "", message, remedy)
			return false
		}
		if what != "" {
			p.AddAt(placeOf(t), "", what+" are not read in this file", "write the value out")
			return false
		}
		if flow > maxDepth || dashes > maxDepth {
			p.AddAt(placeOf(t), "", fmt.Sprintf("nested deeper than %d levels", maxDepth), "write it less deep")
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
func (p *Problems) tree(n ast.Node, path []string, depth int) *Node {
	if n == nil || depth > maxDepth {
		if n != nil {
			p.AddAt(placeOf(n.GetToken()), "", fmt.Sprintf("nested deeper than %d levels", maxDepth), "write it less deep")
		}
		return &Node{Form: Null}
	}
	at := placeOf(n.GetToken())
	switch n := n.(type) {
	case *ast.NullNode:
		return &Node{Form: Null, Place: at}
	case *ast.MappingNode:
		return p.mapping(n.Values, at, path, depth)
	case *ast.MappingValueNode:
		return p.mapping([]*ast.MappingValueNode{n}, at, path, depth)
	case *ast.SequenceNode:
		out := &Node{Form: List, Place: at}
		for i, v := range n.Values {
			out.Items = append(out.Items, p.tree(v, append(path, fmt.Sprint(i)), depth+1))
		}
		return out
	case *ast.LiteralNode:
		return &Node{Form: Scalar, Text: n.Value.Value, Place: at}
	case *ast.StringNode:
		return &Node{Form: Scalar, Text: n.Value, Plain: n.Token.Type == token.StringType, Place: at}
	case ast.ScalarNode:
		return &Node{Form: Scalar, Text: n.GetToken().Value, Plain: true, Place: at}
	}
	p.AddAt(at, Join(path), "this kind of value is not read in this file", "write a plain value")
	return &Node{Form: Null, Place: at}
}

func (p *Problems) mapping(values []*ast.MappingValueNode, at Place, path []string, depth int) *Node {
	out := &Node{Form: Mapping, Place: at}
	if len(values) > 0 {
		out.Place = placeOf(values[0].Key.GetToken())
	}
	for _, v := range values {
		key := v.Key.GetToken()
		name, here := key.Value, placeOf(key)
		if old := out.Has(name); old != nil {
			p.AddAt(here, Join(append(path, name)), fmt.Sprintf("the key %q is here for the second time", name),
				fmt.Sprintf("remove one: the first is in line %d", old.Place.Line))
			continue
		}
		out.Keys = append(out.Keys, Entry{name, here, p.tree(v.Value, append(path, name), depth+1)})
	}
	return out
}

// Has returns a mapping's entry, or nil.
func (n *Node) Has(name string) *Entry {
	for i := range n.Keys {
		if n.Keys[i].Name == name {
			return &n.Keys[i]
		}
	}
	return nil
}

// placeOf returns where a token stands.
func placeOf(t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{1, 1, 1}
	}
	width := len([]rune(strings.TrimSpace(t.Origin)))
	if strings.Contains(t.Origin, "\n") && t.Type != token.StringType {
		width = 1
	}
	if t.Type == token.StringType || t.Type == token.IntegerType || t.Type == token.FloatType {
		width = len([]rune(t.Value))
	}
	return Place{t.Position.Line, max(t.Position.Column, 1), max(width, 1)}
}

// addSyntax adds the parser's own complaint.
func (p *Problems) addSyntax(err error) {
	var y yaml.Error
	if errors.As(err, &y) {
		p.AddAt(placeOf(y.GetToken()), "", "this is not YAML: "+y.GetMessage(),
			"look at indentation, quotes and brackets here")
		return
	}
	p.AddAt(Place{1, 1, 1}, "", "this is not YAML: "+err.Error(), "look at indentation, quotes and brackets")
}

// ParseText reads a text of our own, the defaults: every place in it is nowhere.
func ParseText(text string) *Node {
	p := &Problems{src: []byte(text)}
	n := read(p)
	n.Forget()
	return n
}

// Forget takes the places away.
func (n *Node) Forget() {
	if n == nil {
		return
	}
	n.Place = Place{}
	for i := range n.Keys {
		n.Keys[i].Place = Place{}
		n.Keys[i].Value.Forget()
	}
	for _, item := range n.Items {
		item.Forget()
	}
}
