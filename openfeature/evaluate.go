package openfeature

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/slipwayhq/slipway/internal/flag"
)

// BooleanEvaluation evaluates a boolean flag.
func (p *Provider) BooleanEvaluation(
	_ context.Context, key string, fallback bool, c of.FlattenedContext,
) of.BoolResolutionDetail {
	return resolve(p, key, fallback, c, "boolean", as[bool])
}

// StringEvaluation evaluates a string flag.
func (p *Provider) StringEvaluation(
	_ context.Context, key string, fallback string, c of.FlattenedContext,
) of.StringResolutionDetail {
	return resolve(p, key, fallback, c, "string", as[string])
}

// FloatEvaluation evaluates a number flag.
func (p *Provider) FloatEvaluation(
	_ context.Context, key string, fallback float64, c of.FlattenedContext,
) of.FloatResolutionDetail {
	return resolve(p, key, fallback, c, "number", as[float64])
}

// IntEvaluation evaluates a number flag whose value is whole.
func (p *Provider) IntEvaluation(
	_ context.Context, key string, fallback int64, c of.FlattenedContext,
) of.IntResolutionDetail {
	return resolve(p, key, fallback, c, "whole number", func(v any) (int64, bool) {
		f, ok := v.(float64)
		return int64(f), ok && f == math.Trunc(f) && math.Abs(f) <= 1<<53
	})
}

// ObjectEvaluation evaluates an object flag. Every call returns a value of its own.
func (p *Provider) ObjectEvaluation(
	_ context.Context, key string, fallback any, c of.FlattenedContext,
) of.InterfaceResolutionDetail {
	return resolve(p, key, fallback, c, "object", func(v any) (any, bool) {
		o, ok := v.(map[string]any)
		return o, ok
	})
}

func as[T any](v any) (T, bool) {
	t, ok := v.(T)
	return t, ok
}

// resolve evaluates a flag for a context. It asks nobody.
func resolve[T any](
	p *Provider, key string, fallback T, c of.FlattenedContext, want string, read func(any) (T, bool),
) of.GenericResolutionDetail[T] {
	out := of.GenericResolutionDetail[T]{Value: fallback}
	failed := func(err of.ResolutionError) of.GenericResolutionDetail[T] {
		out.Value, out.Variant, out.Reason, out.ResolutionError = fallback, "", of.ErrorReason, err
		return out
	}
	s := p.current.Load()
	if s == nil {
		return failed(of.NewProviderNotReadyResolutionError("no flags were seen yet"))
	}
	user, err := contextOf(c)
	if err != nil {
		return failed(of.NewInvalidContextResolutionError(err.Error()))
	}
	e := s.Evaluate(key, user, time.Now())
	out.Variant, out.Reason, out.FlagMetadata = e.Variant, of.Reason(e.Reason), e.Metadata
	if e.Reason == flag.ErrorReason {
		return failed(resolutionError(e))
	}
	variant := s.values[key][e.Variant]
	if e.Value == nil { // the program's own fallback
		if variant != nil {
			variant.count.Add(1)
		}
		out.Variant = ""
		return out
	}
	var value any
	if variant != nil {
		variant.count.Add(1)
		value = variant.value
	}
	if value == nil {
		if err := json.Unmarshal(e.Value, &value); err != nil {
			return failed(of.NewParseErrorResolutionError("the value is no JSON", err))
		}
	}
	v, ok := read(value)
	if !ok {
		return failed(of.NewTypeMismatchResolutionError(fmt.Sprintf("%s is no %s", key, want)))
	}
	out.Value = v
	return out
}

// resolutionError is an evaluation's error in the SDK's type.
func resolutionError(e flag.Evaluation) of.ResolutionError {
	switch of.ErrorCode(e.Code) {
	case of.FlagNotFoundCode:
		return of.NewFlagNotFoundResolutionError(e.Detail)
	case of.ParseErrorCode:
		return of.NewParseErrorResolutionError(e.Detail)
	case of.TargetingKeyMissingCode:
		return of.NewTargetingKeyMissingResolutionError(e.Detail)
	case of.InvalidContextCode:
		return of.NewInvalidContextResolutionError(e.Detail)
	case of.TypeMismatchCode:
		return of.NewTypeMismatchResolutionError(e.Detail)
	}
	return of.NewGeneralResolutionError(e.Detail)
}

// contextOf is what the SDK hands over, as encoding/json would have it at the other end of a request, so that a user is
// assigned here as over OFREP. The map may be in other hands too, so what must change is changed in a copy.
func contextOf(c of.FlattenedContext) (*flag.Context, error) {
	id, _ := c[of.TargetingKey].(string)
	own := false
	for name, v := range c {
		switch x := v.(type) {
		case nil, bool, string:
			continue
		case float64:
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				continue
			}
		}
		v, err := plain(v)
		if err != nil {
			return nil, fmt.Errorf("the attribute %s can't be said in JSON", name)
		}
		if !own {
			c, own = maps.Clone(c), true
		}
		c[name] = v
	}
	return flag.NewContext(id, c), nil
}

// plain is what encoding/json would read of v.
func plain(v any) (any, error) {
	switch x := v.(type) {
	case int:
		return float64(x), nil
	case int64:
		return float64(x), nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	err = json.Unmarshal(text, &out)
	return out, err
}
