// Package next tells the whole story with a real Next.js application.
//
// The shop of examples/nextjs is installed from npm and built in three versions,
// which run as processes behind the edge of the real binary. People use the command
// line and, in a real browser, the dashboard; visitors come over HTTP and in the
// browser. A good release goes all the way, a faulty one comes back. In a second
// story nobody looks but the judge: a version on which twice as many pages fail is
// taken back, and a slow database that both ask is held against nobody. It takes
// minutes and needs Node, npm and Chromium: it is built with -tags full.
package next
