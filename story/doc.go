// Package story tells Slipway's promises end to end, as tests.
//
// Every story opens the whole program over loopback with an application in several
// versions, visitors who come through the edge, and a team of people who use the
// public Go client and nothing else. Times are real but short. Each story runs on
// SQLite, and on PostgreSQL when SLIPWAY_TEST_DATABASE_URL names a server.
//
// Some stories run Slipway as child processes (this test binary again) and kill
// them; shops, edge and visitors then live in the story, so that they survive.
package story
