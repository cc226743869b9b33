package judge

import (
	"fmt"
	"reflect"
	"testing"
)

// Whatever is set otherwise makes another judge.
func TestSettingsAreTheSame(t *testing.T) {
	t.Parallel()
	full := func() Settings { return Settings{Metrics: []Metric{{Name: "conversion"}}} }
	a, b := full(), full()
	if !a.Same(&b) {
		t.Error("equal settings are not the same")
	}
	change := func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Float64:
			v.SetFloat(3)
		case reflect.Int, reflect.Int64:
			v.SetInt(3)
		case reflect.Uint64:
			v.SetUint(3)
		case reflect.Bool:
			v.SetBool(true)
		case reflect.String:
			v.SetString("x")
		default:
			t.Fatalf("%s is a %s", path, v.Kind())
		}
	}
	var each func(path string, v reflect.Value)
	each = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				each(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				each(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
			return
		}
		old := reflect.ValueOf(v.Interface())
		change(path, v)
		if a.Same(&b) || b.Same(&a) {
			t.Errorf("another %s is the same", path)
		}
		v.Set(old)
	}
	each("Settings", reflect.ValueOf(&b).Elem())
	if b.Metrics = nil; a.Same(&b) {
		t.Error("no metrics are the same")
	}
}
