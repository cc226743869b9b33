// Package vercel has Vercel's own software judge the fake of Vercel that the product is tested against: the command
// line performs what it was seen to do, and the SDK parses every answer, as strictly as its schemas are written. What
// Slipway asks for an intent is compared with what the command line asks. It needs Node and the packages of this
// folder (see script/setup): its stories are built with -tags full.
package vercel
