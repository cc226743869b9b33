package desk

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/internal/fault"
)

// wellFormed holds a wish to the limits that its wire type names, whatever door it
// came through: the API checks them before it comes here, a form of the pages does
// not. Texts are refused too when they hold what controls a terminal or a line.
func wellFormed(in any) error {
	f := fault.New(fault.Invalid, "request_invalid", "")
	v := reflect.ValueOf(in)
	for i := range v.NumField() {
		t := v.Type().Field(i)
		name, options, _ := strings.Cut(t.Tag.Get("json"), ",")
		field := v.Field(i)
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		if !field.IsValid() || field.IsZero() && strings.Contains(options, "omitempty") {
			continue
		}
		if wrong := misfit(t.Tag, field); wrong != "" {
			f.Fields = append(f.Fields, fault.Field{Path: "body." + name, Message: wrong})
		}
	}
	if len(f.Fields) == 0 {
		return nil
	}
	f.Message = "The request is wrong: " + f.Fields[0].Path + ": " + f.Fields[0].Message + "."
	return f
}

// misfit says what is wrong with a value by its field's tag; empty when nothing is.
func misfit(tag reflect.StructTag, v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return misfitText(tag, v.String())
	case reflect.Slice:
		if most, ok := number(tag, "maxItems"); ok && float64(v.Len()) > most {
			return "at most " + tag.Get("maxItems") + " are possible"
		}
		for i := range v.Len() {
			if s := v.Index(i); s.Kind() == reflect.String && (s.Len() > maxItem || controls(s.String())) {
				return "one of them is too long or holds what cannot be shown"
			}
		}
	case reflect.Float64:
		least, low := number(tag, "minimum")
		most, high := number(tag, "maximum")
		if low && !(v.Float() >= least) || high && !(v.Float() <= most) { // NaN is neither
			return "it must lie between " + tag.Get("minimum") + " and " + tag.Get("maximum")
		}
	}
	return ""
}

// maxItem bounds a text in a list that names no bound itself.
const maxItem = 256

func misfitText(tag reflect.StructTag, s string) string {
	n := float64(utf8.RuneCountInString(s))
	least, low := number(tag, "minLength")
	most, high := number(tag, "maxLength")
	switch {
	case low && n < least:
		return "at least " + tag.Get("minLength") + " characters are needed"
	case high && n > most:
		return "at most " + tag.Get("maxLength") + " characters are possible"
	case !utf8.ValidString(s) || controls(s):
		return "it holds what cannot be shown"
	case tag.Get("enum") != "" && !slices.Contains(strings.Split(tag.Get("enum"), ","), s):
		return "it must be one of " + strings.ReplaceAll(tag.Get("enum"), ",", ", ")
	}
	if p := tag.Get("pattern"); p != "" {
		if re, err := regexp.Compile(p); err != nil || !re.MatchString(s) {
			return "it does not have the form " + p
		}
	}
	return ""
}

// controls reports whether a text holds control characters other than those of
// lines and tables.
func controls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

func number(tag reflect.StructTag, name string) (float64, bool) {
	n, err := strconv.ParseFloat(tag.Get(name), 64)
	return n, err == nil
}
