package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
)

// ofSecret names a secret of the target or of GitHub.
type ofSecret struct {
	Name string `path:"name" enum:"drain,webhook,bypass,connection,github_key,github_webhook" doc:"What it is for. At Vercel: drain and webhook sign deliveries, bypass opens protected deployments, connection reads the Global Config. At GitHub: github_key is the app's private key (PEM), github_webhook signs deliveries."`
}

// setSecret gives it.
type setSecret struct {
	Name string `path:"name" enum:"drain,webhook,bypass,connection,github_key,github_webhook" doc:"What it is for. At Vercel: drain and webhook sign deliveries, bypass opens protected deployments, connection reads the Global Config. At GitHub: github_key is the app's private key (PEM), github_webhook signs deliveries."`
	Body api.SetSecret
}

// signingOperations are about the secrets of the target and of GitHub, beside the target's token.
func (s *Server) signingOperations(h huma.API) {
	const tag, path = "Secrets", "/target/secrets/{name}"
	register(s, h, endpoint{
		ID: "get-target-secret", Method: http.MethodGet, Path: path, Tag: tag,
		Summary:    "Read whether a secret of the target or of GitHub is kept",
		Permission: access.ManageTokens,
	}, func(ctx context.Context, who access.Actor, in *ofSecret) (api.Secret, error) {
		return s.Desk.TargetSecret(ctx, who, in.Name)
	})
	register(s, h, endpoint{
		ID: "set-target-secret", Method: http.MethodPut, Path: path, Tag: tag,
		Summary: "Keep a secret of the target or of GitHub, sealed",
		About: "It is valid at once. What deliveries are signed with stands beside those in the environment variables that " +
			"the strategy names, and the one before stays valid for a day: so long does a platform deliver again what was " +
			"signed with it. The others are used from the next call on, where their environment variable is empty.",
		Permission: access.ManageTokens, Secret: true,
	}, func(ctx context.Context, who access.Actor, in *setSecret) (api.Secret, error) {
		return s.Desk.SetTargetSecret(ctx, who, in.Name, in.Body)
	})
	register(s, h, endpoint{
		ID: "forget-target-secret", Method: http.MethodDelete, Path: path, Tag: tag,
		Summary: "Forget a secret of the target or of GitHub", Permission: access.ManageTokens,
	}, func(ctx context.Context, who access.Actor, in *ofSecret) (api.Secret, error) {
		return s.Desk.ForgetTargetSecret(ctx, who, in.Name)
	})
}

// secretOperations are about what is kept sealed. No answer holds a secret.
func (s *Server) secretOperations(h huma.API) {
	s.signingOperations(h)
	const tag, token = "Secrets", "/target/token"
	register(s, h, endpoint{
		ID: "get-target-token", Method: http.MethodGet, Path: token, Tag: tag,
		Summary: "Read whether a token of the target's API is kept", Permission: access.ManageTokens,
	}, func(ctx context.Context, who access.Actor, _ *none) (api.Secret, error) {
		return s.Desk.TargetToken(ctx, who)
	})
	register(s, h, endpoint{
		ID: "set-target-token", Method: http.MethodPut, Path: token, Tag: tag,
		Summary: "Keep a token of the target's API, sealed",
		About: "It is used from the next call on, where the environment variable that the strategy names (token_env) is " +
			"empty. No answer ever holds it.",
		Permission: access.ManageTokens, Secret: true,
	}, func(ctx context.Context, who access.Actor, in *with[api.SetSecret]) (api.Secret, error) {
		return s.Desk.SetTargetToken(ctx, who, in.Body)
	})
	register(s, h, endpoint{
		ID: "forget-target-token", Method: http.MethodDelete, Path: token, Tag: tag,
		Summary: "Forget the token of the target's API", Permission: access.ManageTokens,
	}, func(ctx context.Context, who access.Actor, _ *none) (api.Secret, error) {
		return s.Desk.ForgetTargetToken(ctx, who)
	})
	register(s, h, endpoint{
		ID: "get-vault", Method: http.MethodGet, Path: "/vault", Tag: tag,
		Summary: "Read which keys the sealed secrets stand on", Permission: access.ManageTokens,
	}, func(ctx context.Context, who access.Actor, _ *none) (api.Vault, error) { return s.Desk.Vault(ctx, who) })
	register(s, h, endpoint{
		ID: "list-secrets", Method: http.MethodGet, Path: "/vault/secrets", Tag: tag,
		Summary: "List what is sealed: names, ages and uses", About: "No answer holds a value.",
		Permission: access.ManageTokens,
	}, func(ctx context.Context, who access.Actor, _ *none) ([]api.Secret, error) {
		return s.Desk.Secrets(ctx, who)
	})
	register(s, h, endpoint{
		ID: "rotate-vault", Method: http.MethodPost, Path: "/vault/rotate", Tag: tag,
		Summary: "Seal every secret again with a new key",
		About: "Where the keys are in the environment, a new one is put before the old one there first. It may be called " +
			"again at any time.",
		Permission: access.ManageTokens,
	}, func(ctx context.Context, who access.Actor, _ *none) (api.VaultRotation, error) {
		return s.Desk.RotateVault(ctx, who)
	})
	register(s, h, endpoint{
		ID: "renew-signing-key", Method: http.MethodPost, Path: "/vault/signing/renew", Tag: tag,
		Summary: "Make another key that votes are signed with",
		About: "It signs at once, on every node. What the ones before signed stays genuine. The one before need not be " +
			"there any more. Public keys that signed no vote are forgotten, but for the newest before it.",
		Permission: access.ManageTokens,
	}, func(ctx context.Context, who access.Actor, _ *none) (api.SigningKey, error) {
		return s.Desk.RenewSigning(ctx, who)
	})
}
