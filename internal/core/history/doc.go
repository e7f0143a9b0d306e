// Package history keeps what happened on disk, in a bbolt file of its own: calls of
// tools, and changes of the servers' states. It tells them page by page, and from the
// changes how long each server was up. It decides nothing, and nobody needs it to go on:
// where it cannot write it drops, counts and says so.
//
// All methods may be called concurrently. Record and Changed only queue, and wait for
// nobody. One slot, writing, is held by who writes the queue to disk, opens or closes
// the file: Run, and who reads, so that a page has what had happened before it.
package history
