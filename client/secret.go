package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/slipwayhq/slipway/api"
)

const targetToken = "target/token" //nolint:gosec // an address

// TargetToken says whether a token of the target's API is kept.
func (c *Client) TargetToken(ctx context.Context) (api.Secret, error) {
	return get[api.Secret](ctx, c, targetToken, nil)
}

// SetTargetToken has a token of the target's API kept, sealed.
func (c *Client) SetTargetToken(ctx context.Context, secret string) (api.Secret, error) {
	return do[api.Secret](ctx, c, call{method: http.MethodPut, path: targetToken, body: api.SetSecret{Secret: secret}})
}

// ForgetTargetToken has the token of the target's API forgotten.
func (c *Client) ForgetTargetToken(ctx context.Context) (api.Secret, error) {
	return do[api.Secret](ctx, c, call{method: http.MethodDelete, path: targetToken})
}

// TargetSecret says whether a secret of the target or of GitHub is kept: drain, webhook, bypass, connection, github_key
// or github_webhook.
func (c *Client) TargetSecret(ctx context.Context, name string) (api.Secret, error) {
	return get[api.Secret](ctx, c, "target/secrets/"+url.PathEscape(name), nil)
}

// SetTargetSecret has it kept, sealed. Of those that sign deliveries the one before stays valid for a day.
func (c *Client) SetTargetSecret(ctx context.Context, name, secret string) (api.Secret, error) {
	return do[api.Secret](ctx, c, call{method: http.MethodPut, path: "target/secrets/" + url.PathEscape(name),
		body: api.SetSecret{Secret: secret}})
}

// ForgetTargetSecret has it forgotten.
func (c *Client) ForgetTargetSecret(ctx context.Context, name string) (api.Secret, error) {
	return do[api.Secret](ctx, c, call{method: http.MethodDelete, path: "target/secrets/" + url.PathEscape(name)})
}

// Vault says which keys the sealed secrets stand on.
func (c *Client) Vault(ctx context.Context) (api.Vault, error) {
	return get[api.Vault](ctx, c, "vault", nil)
}

// RotateVault has every secret sealed again with a new key.
func (c *Client) RotateVault(ctx context.Context) (api.VaultRotation, error) {
	return post[api.VaultRotation](ctx, c, "vault/rotate", nil)
}

// RenewSigning has another key made that votes are signed with; what the ones before signed stays genuine.
func (c *Client) RenewSigning(ctx context.Context) (api.SigningKey, error) {
	return post[api.SigningKey](ctx, c, "vault/signing/renew", nil)
}

// Secrets lists what is sealed: names, ages and uses, and no value.
func (c *Client) Secrets(ctx context.Context) ([]api.Secret, error) {
	return get[[]api.Secret](ctx, c, "vault/secrets", nil)
}
