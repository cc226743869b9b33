package words

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/flag"
)

func TestDiffConfigs(t *testing.T) {
	base := func() flag.Config {
		return flag.Config{On: true, Off: "off", Default: part("on", 500, flag.Portion{Variant: "off", Weight: 9500}),
			Needs: []flag.Prerequisite{{Flag: "search", Variants: []string{"on"}}},
			Rules: []flag.Rule{
				{ID: "a", If: []flag.Condition{{Segment: "staff"}}, Serve: flag.Serve{Variant: "on"}},
				{ID: "b", If: []flag.Condition{{Segment: "beta"}}, Serve: flag.Serve{Variant: "off"}},
			}}
	}
	tests := []struct {
		name   string
		change func(*flag.Config)
		paths  string
		want   string
	}{
		{"nothing", func(c *flag.Config) { c.Revision, c.By, c.Reason = 9, "x", "y" }, "", "Nothing changes."},
		{"off", func(c *flag.Config) { c.On = false }, "on", "Turned off."},
		{"raised", func(c *flag.Config) { c.Default.Split[0].Weight, c.Default.Split[1].Weight = 2500, 7500 }, "default",
			"Share of on raised from 5 % to 25 %."},
		{"lowered to nothing", func(c *flag.Config) { c.Default = flag.Serve{Variant: "off"} }, "default",
			"Share of on lowered from 5 % to 0 %."},
		{"another hash", func(c *flag.Config) { c.Default.Salt = "x" }, "default",
			"5 % on and 95 % off with salt x for everybody else instead of 5 % on and 95 % off."},
		{"rule removed", func(c *flag.Config) { c.Rules = c.Rules[1:] }, "rules/a", "Rule removed: on for staff."},
		{"rule added", func(c *flag.Config) {
			c.Rules = append(c.Rules, flag.Rule{ID: "c", Serve: flag.Serve{Variant: "on"}})
		}, "rules/c", "Rule added: on for everybody."},
		{"rules swapped", func(c *flag.Config) { slices.Reverse(c.Rules) }, "rules", "Rules in another order."},
		{"rule changed", func(c *flag.Config) {
			c.Rules[0].If, c.Rules[1].Serve = []flag.Condition{{Segment: "all"}}, flag.Serve{Variant: "on"}
		}, "rules/a/if rules/b/serve", "Rule for all instead of staff; on for beta instead of off."},
		{"needs", func(c *flag.Config) { c.Needs = []flag.Prerequisite{{Flag: "x", Variants: []string{"on", "off"}}} },
			"needs/search needs/x", "No longer needs search; needs that x serves on or off."},
		{"raw", func(c *flag.Config) { c.Targeting = json.RawMessage(`{ "a": 1 }`) }, "targeting",
			"A rule in flagd's language decides."},
		{"many", func(c *flag.Config) { c.On, c.Off, c.Needs, c.Rules = false, "", nil, nil },
			"on off needs/search rules/a rules/b", "Turned off; while off, programs use their own fallback instead of off; " +
				"no longer needs search; 2 more changes."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, after := base(), base()
			tt.change(&after)
			got := DiffConfigs(truth(), &before, &after)
			if got.Sentence != tt.want {
				t.Errorf("got  %s\nwant %s", got.Sentence, tt.want)
			}
			if diff := cmp.Diff(strings.Fields(tt.paths), pathsOf(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func pathsOf(d Difference) []string {
	paths := []string{}
	for _, c := range d.Changes {
		paths = append(paths, c.Path)
	}
	return paths
}

// TestDiffMissesNothing changes every field that there is, so that a new one can't be forgotten.
func TestDiffMissesNothing(t *testing.T) {
	kept := map[string]string{
		"Config": "App Flag Environment Reason Since Ramp Revision Updated By Row", "Rule": "ID",
		"Flag": "App Key Kind Created CreatedBy Updated Row", "Segment": "App Key Environment Revision Updated UpdatedBy Row",
		"Variant": "Name",
	}
	flagOf := func(v flag.Variant) *flag.Flag { return &flag.Flag{Variants: []flag.Variant{v}} }
	for _, tt := range []struct {
		of   any
		diff func(before, after any) Difference
	}{
		{flag.Config{}, func(b, a any) Difference {
			x, y := b.(flag.Config), a.(flag.Config)
			return DiffConfigs(truth(), &x, &y)
		}},
		{flag.Rule{}, func(b, a any) Difference {
			x, y := flag.Config{Rules: []flag.Rule{b.(flag.Rule)}}, flag.Config{Rules: []flag.Rule{a.(flag.Rule)}}
			return DiffConfigs(truth(), &x, &y)
		}},
		{flag.Flag{}, func(b, a any) Difference {
			x, y := b.(flag.Flag), a.(flag.Flag)
			return DiffFlags(&x, &y)
		}},
		{flag.Variant{}, func(b, a any) Difference { return DiffFlags(flagOf(b.(flag.Variant)), flagOf(a.(flag.Variant))) }},
		{flag.Segment{}, func(b, a any) Difference {
			x, y := b.(flag.Segment), a.(flag.Segment)
			return DiffSegments(&x, &y)
		}},
	} {
		kind := reflect.TypeOf(tt.of)
		for i := range kind.NumField() {
			name := kind.Field(i).Name
			after := reflect.New(kind).Elem()
			fill(after.Field(i))
			got := tt.diff(tt.of, after.Interface())
			if bookkeeping := slices.Contains(strings.Fields(kept[kind.Name()]), name); name != "ID" && name != "Name" &&
				bookkeeping != (len(got.Changes) == 0) {
				t.Errorf("%s.%s: %d changes", kind.Name(), name, len(got.Changes))
			}
			if same := tt.diff(after.Interface(), after.Interface()); len(same.Changes) > 0 {
				t.Errorf("%s.%s differs from itself: %v", kind.Name(), name, pathsOf(same))
			}
			for _, c := range got.Changes {
				if c.Words == "" || c.Before == nil && c.After == nil {
					t.Errorf("%s.%s: %+v says nothing", kind.Name(), name, c)
				}
			}
		}
	}
}

// fill gives a field some value.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1, 0)))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(`{"a":1}`)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Struct:
		fill(v.Field(0))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	}
}

func TestDiffFlagsAndSegments(t *testing.T) {
	before, after := colors(), colors()
	after.Variants = after.Variants[1:]
	after.Variants[0].Value = json.RawMessage(`"#00f"`)
	after.Bucketing, after.Expires = 3, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	want := `Its code should be gone by 1 Jan 2027; bucketing version 3: everybody in a split is assigned anew; ` +
		`variant "red" removed; variant "blue" is "#00f" instead of .`
	if got := DiffFlags(before, after); got.Sentence != want {
		t.Errorf("got  %s\nwant %s", got.Sentence, want)
	}
	was, is := flag.Segment{Listed: 5}, flag.Segment{Listed: 1005, Excluded: []string{"a"}}
	want = "1,005 listed users instead of 5 users; 1 excluded user instead of 0."
	if got := DiffSegments(&was, &is); got.Sentence != want {
		t.Errorf("got  %s\nwant %s", got.Sentence, want)
	}
}
