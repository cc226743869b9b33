package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
)

// secretOperations are about what is kept sealed. No answer holds a secret.
func (s *Server) secretOperations(h huma.API) {
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
		ID: "rotate-vault", Method: http.MethodPost, Path: "/vault/rotate", Tag: tag,
		Summary: "Seal every secret again with a new key",
		About: "Where the keys are in the environment, a new one is put before the old one there first. It may be called " +
			"again at any time.",
		Permission: access.ManageTokens,
	}, func(ctx context.Context, who access.Actor, _ *none) (api.VaultRotation, error) {
		return s.Desk.RotateVault(ctx, who)
	})
}
