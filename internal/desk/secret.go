package desk

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/github"
	"github.com/slipwayhq/slipway/internal/store"
)

// TargetToken says whether Slipway keeps a token of the target's API, and since when.
func (d *Desk) TargetToken(ctx context.Context, who access.Actor) (api.Secret, error) {
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return api.Secret{}, err
	}
	return d.secret(ctx, secrets.TargetToken)
}

func (d *Desk) secret(ctx context.Context, name string) (api.Secret, error) {
	out := api.Secret{Name: name}
	s, err := d.DB.Sealed(ctx, d.Strategy.App, name)
	if fault.Is(err, fault.NotFound) {
		return out, nil
	}
	if err == nil {
		out = told(s)
	}
	return out, err
}

func told(s store.Sealed) api.Secret {
	return api.Secret{Name: s.Name, Set: true, Since: instant(s.Since), By: s.Actor, Key: s.Key, Used: instant(s.Used)}
}

// Secrets lists what is sealed for the application, without any value.
func (d *Desk) Secrets(ctx context.Context, who access.Actor) ([]api.Secret, error) {
	out := []api.Secret{}
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return out, err
	}
	for last := ""; ; {
		list, err := d.DB.SealedAfter(ctx, d.Strategy.App, last, 500)
		if err != nil {
			return out, err
		}
		if len(list) == 0 {
			break
		}
		for _, s := range list {
			out = append(out, told(s))
		}
		last = list[len(list)-1].Name
	}
	s, err := d.DB.Sealed(ctx, secrets.Server, secrets.SigningKey)
	if fault.Is(err, fault.NotFound) {
		return out, nil // it lies elsewhere: see Vault
	}
	if err != nil {
		return out, err
	}
	return append(out, told(s)), nil
}

// RenewSigning has another key made that votes are signed with.
func (d *Desk) RenewSigning(ctx context.Context, who access.Actor) (api.SigningKey, error) {
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return api.SigningKey{}, err
	}
	if _, err := d.Engine.Secrets.RenewSigning(ctx, who); err != nil {
		return api.SigningKey{}, err
	}
	return d.signing(ctx)
}

// signing says where the key is that votes are signed with, and which votes are genuine.
func (d *Desk) signing(ctx context.Context) (api.SigningKey, error) {
	out := api.SigningKey{Public: []string{}}
	var err error
	if out.Kept, err = d.Engine.Secrets.Standing(ctx); err != nil {
		return out, err
	}
	keys, err := d.signers(ctx)
	for _, k := range keys {
		out.Public = append(out.Public, hex.EncodeToString(k))
	}
	out.Sentence = map[string]string{
		secrets.Sealed:   "The key that votes are signed with is sealed.",
		secrets.Environs: "The key that votes are signed with stands in the environment: " + secrets.EnvSigning + ".",
		secrets.Bare: "The key that votes are signed with lies in the database as it is: give the vault a key (" +
			secrets.EnvVault + ") and start again.",
	}[out.Kept]
	if lost := d.Engine.Secrets.Lost(ctx); lost != nil && out.Kept == secrets.Sealed {
		out.Sentence = "The key that votes are signed with can't be opened, and votes are refused. " + fault.MessageOf(lost) +
			" Once the vault has another key, another one is made with: slipway vault renew-signing-key."
	}
	return out, err
}

// SetTargetToken has a token of the target's API kept, sealed, over the one before. It is used from the next call on.
func (d *Desk) SetTargetToken(ctx context.Context, who access.Actor, in api.SetSecret) (api.Secret, error) {
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return api.Secret{}, err
	}
	if _, ok := d.Strategy.Vercel(); !ok {
		return api.Secret{}, fault.New(fault.Refused, "target_none", "%s runs on no platform whose API takes a token.",
			d.Strategy.App)
	}
	if err := d.Engine.Secrets.Set(ctx, who, secrets.TargetToken, in.Secret); err != nil {
		return api.Secret{}, err
	}
	if err := d.Engine.Target.Heard(ctx, deployment.Hand{}, ""); err != nil { // it is looked at with the new one at once
		return api.Secret{}, err
	}
	return d.secret(ctx, secrets.TargetToken)
}

// ForgetTargetToken has the token of the target's API forgotten.
func (d *Desk) ForgetTargetToken(ctx context.Context, who access.Actor) (api.Secret, error) {
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return api.Secret{}, err
	}
	return api.Secret{Name: secrets.TargetToken}, d.Engine.Secrets.Forget(ctx, who, secrets.TargetToken)
}

// signing is the name under which a secret of the target is kept.
func signing(name string) string {
	return map[string]string{"webhook": secrets.TargetWebhook, "drain": secrets.TargetDrain,
		"bypass": secrets.TargetBypass, "connection": secrets.TargetConnection,
		"github_key": secrets.GitHubKey, "github_webhook": secrets.GitHubWebhook}[name]
}

// TargetSecret says whether a secret is kept that the target's deliveries are signed with, and since when.
func (d *Desk) TargetSecret(ctx context.Context, who access.Actor, name string) (api.Secret, error) {
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return api.Secret{}, err
	}
	return d.secret(ctx, signing(name))
}

// SetTargetSecret has a secret kept that the target's deliveries are signed with. The one before stays valid for a day.
func (d *Desk) SetTargetSecret(ctx context.Context, who access.Actor, name string, in api.SetSecret,
) (api.Secret, error) {
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return api.Secret{}, err
	}
	keep := d.Engine.Secrets.Change
	if name == "bypass" || name == "connection" { // nothing comes in by them: the next call has the new one
		keep = d.Engine.Secrets.Set
	}
	if name == "connection" && !strings.HasPrefix(in.Secret, "https://") && !strings.HasPrefix(in.Secret, "http://") {
		return api.Secret{}, fault.New(fault.Invalid, "vercel_connection",
			"The Global Config's connection string is none: it looks like https://edge-config.vercel.com/ecfg_…?token=….")
	}
	if signing(name) == secrets.GitHubKey { // it signs what Slipway sends: there is one
		if _, err := github.ParseKey(in.Secret); err != nil {
			return api.Secret{}, err
		}
		keep, in.Secret = d.Engine.Secrets.Set, github.OneLine(in.Secret)
	}
	if err := keep(ctx, who, signing(name), in.Secret); err != nil {
		return api.Secret{}, err
	}
	if signing(name) == secrets.GitHubKey { // what waits for it is tried with the new one at once
		if err := d.Engine.Forge.Retry(ctx); err != nil {
			return api.Secret{}, err
		}
	}
	return d.secret(ctx, signing(name))
}

// ForgetTargetSecret has it forgotten: such deliveries are refused then.
func (d *Desk) ForgetTargetSecret(ctx context.Context, who access.Actor, name string) (api.Secret, error) {
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return api.Secret{}, err
	}
	return api.Secret{Name: signing(name)}, d.Engine.Secrets.Forget(ctx, who, signing(name))
}

// Vault says which keys the sealed secrets stand on.
func (d *Desk) Vault(ctx context.Context, who access.Actor) (api.Vault, error) {
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return api.Vault{}, err
	}
	keys, err := d.DB.SealedKeys(ctx)
	if err != nil {
		return api.Vault{}, err
	}
	out := api.Vault{Own: d.Engine.Secrets.Vault.Own(), Keys: []api.VaultKey{}}
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		out.Keys = append(out.Keys, api.VaultKey{ID: id, Secrets: keys[id],
			Missing: d.Engine.Secrets.Vault.Knows(id) != nil})
	}
	out.Current, err = d.Engine.Secrets.Vault.Current(false)
	if fault.ReasonOf(err) == "vault_key_missing" {
		err = nil // one is made, or asked for, when it is needed; or it is lost, and that is what is to be seen
	}
	if err != nil {
		return out, err
	}
	out.Signing, err = d.signing(ctx)
	return out, err
}

// RotateVault has every secret sealed again with a new key.
func (d *Desk) RotateVault(ctx context.Context, who access.Actor) (api.VaultRotation, error) {
	if err := d.check(ctx, who, access.ManageTokens, ""); err != nil {
		return api.VaultRotation{}, err
	}
	r, err := d.Engine.Secrets.Rotate(ctx, who)
	if err != nil {
		return api.VaultRotation{}, err
	}
	out := api.VaultRotation{Key: r.Key, Sealed: r.Sealed, Old: append([]string{}, r.Old...)}
	out.Sentence = fmt.Sprintf("What is sealed with the key %s now: %s.", r.Key, count(r.Sealed, "secret"))
	if !r.Made && r.Sealed == 0 && len(r.Old) == 0 {
		out.Sentence += " Nothing had to be done: put a new key before the old one first, as docs/configuration.md says."
	}
	if len(r.Old) == 0 {
		out.Sentence += " Older keys are needed for older backups only."
	}
	return out, nil
}
