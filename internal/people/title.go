package people

import (
	"context"
	"strings"
	"unicode"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// checkTitle refuses a name that nobody can be told by: what can't be seen, breaks a line or reorders a sentence, and
// what sentences call machines: "Slipway's guard", "ada (token ci)".
func checkTitle(title string) error {
	if len([]rune(title)) > 100 || strings.ContainsFunc(title, unseen) {
		return fault.New(fault.Invalid, "title_malformed",
			"A name has at most 100 characters that can be seen, and none that control the text.")
	}
	if strings.ContainsAny(title, "()（）﹙﹚❨❩⁽⁾") || strings.HasPrefix(alike(title), "slipway") ||
		strings.HasPrefix(alike(title), "token ") {
		return fault.New(fault.Invalid, "title_of_machines",
			"A person's name has no parentheses and does not begin with Slipway or token: so machines are named.")
	}
	return nil
}

// unseen is what shows nothing of itself, or changes what stands beside it.
func unseen(r rune) bool {
	return !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// alike is the same for names that people would take for the same.
func alike(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), " ")) }

// nobodyElse refuses a user who is named as another one is, since sentences name people by their titles. It goes behind
// Append: of two who do this at once, the second sees the first.
func nobodyElse(ctx context.Context, tx *store.Tx, u store.User) error {
	users, err := tx.Users(ctx)
	if err != nil {
		return err
	}
	mine := []string{alike(u.Name), alike(shown(u))}
	for _, o := range users {
		for _, name := range mine {
			if o.ID != u.ID && (name == alike(o.Name) || name == alike(shown(o))) {
				return fault.New(fault.Conflict, "name_taken",
					"The user %s is named %s already: the log would not tell them apart.", o.Name, shown(o))
			}
		}
	}
	return nil
}
