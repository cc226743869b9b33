// Package clients runs OpenFeature's own clients, as they are published, against the
// real program: the server SDK and flagd's evaluator in Node, the web SDK in
// Chromium. It needs Node, the packages of this folder and Chromium (see
// script/setup): its stories are built with -tags full.
package clients
