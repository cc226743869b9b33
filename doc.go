// Package slipway is the root of the module and holds no code of its own.
//
// The program is cmd/slipway, the wire types are in api, the Go client in client,
// and every room of the house in internal. The tests beside this file hold what
// the rooms promise each other: who may import whom, how large a thing may grow,
// and that docs/requirements.md tells the truth.
package slipway
