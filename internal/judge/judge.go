// Package judge holds the statistics of Slipway: what a comparison of two
// versions is worth.
//
// It compares a canary with the stable version over the same minutes and answers
// with one of four verdicts: better or equal, worse, not enough evidence, broken
// measurement. It never treats missing data as zero or as a pass. Its functions
// are pure: the same counts give the same verdict, so that a verdict can be
// recomputed from stored evidence.
//
// Compare bets on where failed and slow requests fall, second by second, so that
// what hits both versions cancels. Its bound on false alarms supposes that requests
// fail independently; failures that come in bursts of one visitor are not modeled.
package judge
