// Package notify decides which changes of the servers deserve a desktop
// notification, words them and sends them. It is not for showing state (that is
// the menu) and never passes on a server's own text.
//
// The decision, Decider, is a plain state machine over snapshots and a clock,
// owned by one goroutine. Notifier.Run is that goroutine, with one more that
// sends, so that a notification daemon that hangs delays nothing. The other
// methods of a Notifier may be called concurrently.
package notify
