// Package judge holds the statistics of Slipway: what a comparison of two
// versions is worth.
//
// A Judge takes a canary and the stable version tick by tick and bets on where
// failed visitors and slow requests fall, so that what hits both versions cancels
// and one may look as often as one likes. It knows that failures of a few visitors
// come in bursts, and learns how, from slices of the stable version (History). It
// says where a judgement stands (State), what is ruled out (Report), and which share
// the evidence permits (Climb); a Pilot makes steps of that. Missing data is never
// zero and never a pass.
//
// It is pure, its state is bounded, and the same ticks give the same bits on every
// machine, so that a verdict can be made again from stored evidence. Odds, for
// absolute limits, is the one question that is asked without a bound on looks.
package judge
