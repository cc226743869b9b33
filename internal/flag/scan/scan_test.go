package scan

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// repository is a small one, as people write it.
func repository() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"page.min.js":             file(`flag("checkout")`),
		"yarn.lock":               file(`flag("checkout")`),
		"package-lock.json":       file(`flag("checkout")`),
		".gitignore":              file("# made\n/out/\n*.gen.ts\n!keep.gen.ts\nsrc/**/cache\n"),
		"out/page.js":             file(`flag("checkout")`),
		"src/a/b/cache/x.ts":      file(`flag("checkout")`),
		"src/x.gen.ts":            file(`flag("checkout")`),
		"src/keep.gen.ts":         file(`flag("checkout")`),
		"node_modules/flags/x.js": file(`flag("checkout")`),
		"logo.png":                file("\x89PNG\x00\"checkout\""),
		"data.bin":                file("a\x00\"checkout\""),
		"flags.ts": file("import { flag } from 'flags/next'\n" +
			"export const checkout = flag<boolean>({\n  key: 'checkout',\n  decide() { return false },\n})\n"),
		"src/page.tsx": file(`import { Flag } from "@slipway/nextjs"

export default async function Page() {
  if (await client.getBooleanValue("checkout", false, ctx)) {
    return <NewCheckout />
  }
  const banner = useFlag('banner')
  return (
    <>
      <Flag name="checkout">
        <New />
      </Flag>
      <Flag name="checkout" off>
        <Old />
      </Flag>
      {useFlag("checkout") ? <A /> : <B />}
      {isEnabled("checkout") && <C />}
      <a href={link("/checkout")}>{"checkout"}</a>
    </>
  )
}
`),
		"src/page.test.tsx": file(`test("x", () => { flags.set("checkout") })`),
		"main.go": file(`package main

const FlagCheckout = "checkout"

func serve() {
	if !client.BooleanValue(ctx, FlagCheckout, false, e) {
		old()
	}
	v, err := client.StringValue(ctx, "color", "red", e)
}
`),
		"docs/x.md": file("Turn `checkout` on."),
	}
}

func scanned(t *testing.T, tree fs.FS, o Options) *Result {
	t.Helper()
	r, err := Tree(t.Context(), tree, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// req: FF-27
func TestTree(t *testing.T) {
	r := scanned(t, repository(), Options{
		Keys: []string{"checkout", "banner", "color", "unused"}, Stays: map[string]string{"checkout": "on", "color": "red"}})
	var got []string
	for _, ref := range r.References {
		sure := "?"
		if ref.Sure {
			sure = "!"
		}
		got = append(got, fmt.Sprintf("%s %s:%d:%d %s %s%s | %s",
			ref.Key, ref.Path, ref.Line, ref.Column, ref.Form, ref.Name, sure, ref.Stays))
	}
	want := []string{
		"banner src/page.tsx:7:26 call useFlag! | ",
		"checkout docs/x.md:1:6 text ? | ",
		"checkout flags.ts:3:8 definition ! | ",
		"checkout main.go:3:22 constant FlagCheckout! | ",
		"checkout main.go:6:31 name FlagCheckout! | the block of the else; the if goes",
		"checkout src/keep.gen.ts:1:6 call flag! | ",
		"checkout src/page.test.tsx:1:29 call flags.set! | ",
		"checkout src/page.tsx:4:36 call client.getBooleanValue! | the block of the if; its else goes",
		"checkout src/page.tsx:10:18 component Flag! | what is inside",
		"checkout src/page.tsx:13:18 component Flag! | nothing: what is inside goes",
		"checkout src/page.tsx:16:16 call useFlag! | what stands between ? and :",
		"checkout src/page.tsx:17:18 call isEnabled! | what is inside",
		"checkout src/page.tsx:18:36 text ? | ",
		"color main.go:9:36 call client.StringValue! | v has one value from now on: follow its uses",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantSentences := []string{
		`12 places in 5 files and 1 test, 2 of them only by the look of a string; what is done for "on" stays.`,
		`1 place in 1 file and 0 tests.`,
		`1 place in 1 file and 0 tests; what is done for "red" stays.`,
		`No code asks for it: it can be archived.`,
	}
	var sentences []string
	for _, removal := range r.Removals {
		sentences = append(sentences, removal.Sentence)
	}
	if diff := cmp.Diff(wantSentences, sentences); diff != "" {
		t.Error(diff)
	}
	if len(r.Skipped) != 0 || r.Files != 7 {
		t.Errorf("%d files, skipped %q", r.Files, r.Skipped)
	}
}

func TestOffStays(t *testing.T) {
	r := scanned(t, repository(), Options{Keys: []string{"checkout"}, Stays: map[string]string{"checkout": "off"}})
	for _, ref := range r.References {
		if ref.Path == "src/page.tsx" && ref.Line == 4 && ref.Stays != "the block of the else; the if goes" {
			t.Errorf("%+v", ref)
		}
		if ref.Path == "main.go" && ref.Line == 6 && ref.Stays != "the block of the if; its else goes" {
			t.Errorf("%+v", ref)
		}
	}
}

// broken is a tree with a file that can't be opened.
type broken struct{ fstest.MapFS }

func (b broken) Open(name string) (fs.File, error) {
	if name == "locked.ts" {
		return nil, fs.ErrPermission
	}
	return b.MapFS.Open(name)
}

func TestLimitsAreTold(t *testing.T) {
	tree := broken{fstest.MapFS{
		"large.ts": {Data: []byte(strings.Repeat("x", 200))}, "locked.ts": {}, "z.ts": {Data: []byte(`flag("a")`)},
	}}
	r := scanned(t, tree, Options{Keys: []string{"a"}, MaxBytes: 100})
	want := []string{"large.ts: it is larger than 100 bytes", "locked.ts: it can't be opened"}
	if diff := cmp.Diff(want, r.Skipped); diff != "" {
		t.Error(diff)
	}
	if len(r.References) != 1 {
		t.Errorf("%+v", r.References)
	}
	if _, err := Tree(t.Context(), fstest.MapFS{}, Options{}); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	sub, err := fs.Sub(tree, "none")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Tree(t.Context(), sub, Options{}); err == nil {
		t.Error("a folder that is not there was scanned")
	}
}

func TestSnippet(t *testing.T) {
	long := strings.Repeat("x", 300)
	tests := []struct {
		text, want string
		at         int
	}{
		{"\tif flag(\"a\") {\n\tmore", `if flag("a") {`, 9},
		{strings.Repeat("y", 150) + "\n" + long, strings.Repeat("y", 150), 140},
		{"abc", "abc", 1},
		{long, strings.Repeat("x", maxSnippet) + "…", 0},
		{long, "…" + strings.Repeat("x", 90), 290},
	}
	for _, tt := range tests {
		if got := snippet([]byte(tt.text), tt.at); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestFullFileIsTold(t *testing.T) {
	text := strings.Repeat("f('a');", maxInFile+5)
	r := scanned(t, fstest.MapFS{"a.js": {Data: []byte(text)}}, Options{Keys: []string{"a"}})
	if len(r.References) != maxInFile || len(r.Skipped) != 1 {
		t.Errorf("%d places, skipped %q", len(r.References), r.Skipped)
	}
}

func TestIgnores(t *testing.T) {
	i := &ignores{}
	i.add(".", "*.log\n/top\nbuild/\na/**/z\n!keep.log\nx*y\nc/**\nd/**/**/e")
	i.add("sub", "/only\ndeep/er")
	tests := map[string]bool{
		"a.log": true, "s/a.log": true, "keep.log": false, "top": true, "s/top": false, "build": true, "s/build": true,
		"a/z": true, "a/b/c/z": true, "b/a/z": false, "xay": true, "c": false, "c/x/y": true, "d/e": true, "d/x/y/e": true,
		"sub/only": true, "only": false, "sub/deep/er": true,
	}
	for name, want := range tests {
		if got := i.match(name, true); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if i.match("build", false) {
		t.Error("a file is no folder")
	}
}

func FuzzTree(f *testing.F) {
	for _, file := range repository() {
		f.Add(string(file.Data), ".gitignore text **/x\n[")
	}
	f.Add("const aaaaa='a'; aaaaa", "")
	f.Fuzz(func(t *testing.T, text, ignore string) {
		tree := fstest.MapFS{"a.ts": {Data: []byte(text)}, ".gitignore": {Data: []byte(ignore)}}
		r := scanned(t, tree, Options{Keys: []string{"checkout", "a"}, Stays: map[string]string{"a": "on"}})
		lines := strings.Split(text, "\n")
		for _, ref := range r.References {
			if ref.Path != "a.ts" {
				continue
			}
			if ref.Line < 1 || ref.Line > len(lines) || ref.Column < 1 || ref.Column > len([]rune(lines[ref.Line-1])) {
				t.Errorf("%+v is outside of the file", ref)
			}
		}
	})
}
