// Package github has GitHub's own clients judge the fake of GitHub that the product is tested against: Octokit, as an
// app, makes every call that Slipway makes, its webhooks take what the fake sends, and GitHub's published types judge
// every answer, every event and all that Slipway sends. What Slipway asks for an intent is compared with what Octokit
// asks. It needs Node and the packages of this folder (see script/setup): its stories are built with -tags full.
package github
