package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	growthbook "github.com/growthbook/growthbook-golang"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	evaluation "github.com/launchdarkly/go-server-sdk-evaluation/v3"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"
	"github.com/slipwayhq/slipway/internal/flag"
)

type (
	list = []any
	dict = map[string]any
)

// user is one of those that flags are evaluated for.
type user struct {
	id         string
	attributes map[string]any
}

// users are 256; every fourth is in the segment, every second pays.
func users() []user {
	var all []user
	for i := range 256 {
		id := fmt.Sprintf("user-%07d", i)
		if i%4 == 0 {
			id = ids()[i]
		}
		all = append(all, user{id, map[string]any{
			"plan": []string{"free", "pro"}[i/2%2], "country": []string{"DE", "US", "SE", "JP"}[i/4%4],
			"device": "phone", "email": fmt.Sprintf("somebody-%d@example.com", i),
		}})
	}
	return all
}

func countries() []string {
	return []string{"DE", "FR", "IT", "ES", "NL", "BE", "AT", "PL", "SE", "DK"}
}

// ids are the 1,000 members of the segment.
func ids() []string {
	all := make([]string, 1000)
	for i := range all {
		all[i] = fmt.Sprintf("member-%07d", i)
	}
	return all
}

// strange is a condition of F4 that nobody meets: four attributes in turn.
func strange(i int) (attribute, value string) {
	return []string{"plan", "country", "device", "email"}[i%4], fmt.Sprintf("none-%d", i)
}

// engine evaluates a flag for the user with a number.
type engine struct {
	name string
	ask  func(key string, user int) string
}

func engines() []engine { return []engine{slipway(), launchDarkly(), growthBook()} }

func slipway() engine {
	booleans := dict{"true": true, "false": false}
	letters := dict{"a": "a", "b": "b", "c": "c", "d": "d"}
	rules := list{}
	for i := range 19 {
		attribute, value := strange(i)
		rules = append(rules, dict{"==": list{dict{"var": attribute}, value}}, "false")
	}
	rules = append(rules, dict{"$ref": "segment/large"}, "true", "false")
	split := func(entries ...any) dict { return dict{"fractional": entries} }
	define := func(variants dict, otherwise string, targeting any) dict {
		return dict{"state": "ENABLED", "variants": variants, "defaultVariant": otherwise, "targeting": targeting}
	}
	text, err := json.Marshal(dict{
		"flags": dict{
			"f1": define(booleans, "false", nil),
			"f2": define(booleans, "false", split(list{"true", 25}, list{"false", 75})),
			"f3": define(letters, "a", dict{"if": list{
				dict{"and": list{
					dict{"==": list{dict{"var": "plan"}, "pro"}}, dict{"in": list{dict{"var": "country"}, countries()}},
				}},
				"b", split(list{"a", 25}, list{"b", 25}, list{"c", 25}, list{"d", 25}),
			}}),
			"f4": define(booleans, "false", dict{"if": rules}),
		},
		"$evaluators": dict{"segment/large": dict{"in": list{dict{"var": "targetingKey"}, ids()}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	document, err := flag.ParseDocument(text)
	if err != nil {
		log.Fatal(err)
	}
	snapshot, err := flag.Compile(document)
	if err != nil {
		log.Fatal(err)
	}
	var contexts []*flag.Context
	for _, u := range users() {
		contexts = append(contexts, flag.NewContext(u.id, u.attributes))
	}
	now := time.Now()
	return engine{"slipway", func(key string, user int) string {
		return snapshot.Evaluate(key, contexts[user], now).Variant
	}}
}

// store hands the segment to LaunchDarkly's evaluator.
type store struct{ segment *ldmodel.Segment }

func (s store) GetFeatureFlag(string) *ldmodel.FeatureFlag { return nil }
func (s store) GetSegment(string) *ldmodel.Segment         { return s.segment }

func launchDarkly() engine {
	segment := ldbuilders.NewSegmentBuilder("large").Included(ids()...).Build()
	ldmodel.PreprocessSegment(&segment)
	evaluator := evaluation.NewEvaluator(store{&segment})
	booleans := []ldvalue.Value{ldvalue.Bool(true), ldvalue.Bool(false)}
	letters := []ldvalue.Value{ldvalue.String("a"), ldvalue.String("b"), ldvalue.String("c"), ldvalue.String("d")}
	var in []ldvalue.Value
	for _, c := range countries() {
		in = append(in, ldvalue.String(c))
	}
	f1 := ldbuilders.NewFlagBuilder("f1").On(true).Variations(booleans...).FallthroughVariation(1).Build()
	f2 := ldbuilders.NewFlagBuilder("f2").On(true).Salt("f2").Variations(booleans...).
		Fallthrough(ldbuilders.Rollout(ldbuilders.Bucket(0, 25000), ldbuilders.Bucket(1, 75000))).Build()
	f3 := ldbuilders.NewFlagBuilder("f3").On(true).Salt("f3").Variations(letters...).
		AddRule(ldbuilders.NewRuleBuilder().ID("paying").Variation(1).Clauses(
			ldbuilders.Clause("plan", ldmodel.OperatorIn, ldvalue.String("pro")),
			ldbuilders.Clause("country", ldmodel.OperatorIn, in...))).
		Fallthrough(ldbuilders.Rollout(ldbuilders.Bucket(0, 25000), ldbuilders.Bucket(1, 25000),
			ldbuilders.Bucket(2, 25000), ldbuilders.Bucket(3, 25000))).Build()
	b := ldbuilders.NewFlagBuilder("f4").On(true).Variations(booleans...).FallthroughVariation(1)
	for i := range 19 {
		attribute, value := strange(i)
		b.AddRule(ldbuilders.NewRuleBuilder().ID(value).Variation(1).
			Clauses(ldbuilders.Clause(attribute, ldmodel.OperatorIn, ldvalue.String(value))))
	}
	b.AddRule(ldbuilders.NewRuleBuilder().ID("segment").Variation(0).Clauses(ldbuilders.SegmentMatchClause("large")))
	f4 := b.Build()
	flags := map[string]*ldmodel.FeatureFlag{"f1": &f1, "f2": &f2, "f3": &f3, "f4": &f4}
	var contexts []ldcontext.Context
	for _, u := range users() {
		b := ldcontext.NewBuilder(u.id)
		for k, v := range u.attributes {
			b.SetString(k, v.(string))
		}
		contexts = append(contexts, b.Build())
	}
	for _, f := range flags {
		ldmodel.PreprocessFlag(f)
	}
	return engine{"LaunchDarkly", func(key string, user int) string {
		v := evaluator.Evaluate(flags[key], contexts[user], nil).Detail.Value
		if v.IsBool() {
			if v.BoolValue() {
				return "true"
			}
			return "false"
		}
		return v.StringValue()
	}}
}

func growthBook() engine {
	rules := list{}
	for i := range 19 {
		attribute, value := strange(i)
		rules = append(rules, dict{"condition": dict{attribute: value}, "force": false})
	}
	rules = append(rules, dict{"condition": dict{"id": dict{"$inGroup": "large"}}, "force": true})
	features, err := json.Marshal(dict{
		"f1": dict{"defaultValue": false},
		"f2": dict{"defaultValue": false, "rules": list{dict{"force": true, "coverage": 0.25, "hashAttribute": "id"}}},
		"f3": dict{"defaultValue": "a", "rules": list{
			dict{"condition": dict{"plan": "pro", "country": dict{"$in": countries()}}, "force": "b"},
			dict{"variations": list{"a", "b", "c", "d"}, "weights": list{0.25, 0.25, 0.25, 0.25}, "hashAttribute": "id"},
		}},
		"f4": dict{"defaultValue": false, "rules": rules},
	})
	if err != nil {
		log.Fatal(err)
	}
	group := list{}
	for _, id := range ids() {
		group = append(group, id)
	}
	client, err := growthbook.NewClient(context.Background(), growthbook.WithJsonFeatures(string(features)),
		growthbook.WithSavedGroups(map[string]any{"large": group}))
	if err != nil {
		log.Fatal(err)
	}
	var clients []*growthbook.Client
	for _, u := range users() {
		attributes := growthbook.Attributes{"id": u.id}
		for k, v := range u.attributes {
			attributes[k] = v
		}
		c, err := client.WithAttributes(attributes)
		if err != nil {
			log.Fatal(err)
		}
		clients = append(clients, c)
	}
	ctx := context.Background()
	return engine{"GrowthBook", func(key string, user int) string {
		switch v := clients[user].EvalFeature(ctx, key).Value.(type) {
		case bool:
			if v {
				return "true"
			}
			return "false"
		case string:
			return v
		}
		return ""
	}}
}
