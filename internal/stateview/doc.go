// Package stateview holds the newest immutable snapshot of all servers' states
// and announces each new one. It is the only thing the tray, the HTTP API, the
// MCP endpoint and the notifications read. It is not for desired state (that is
// the configuration) nor for history (that is the store).
//
// Reads never lock and never wait, and may be made from anywhere. Writes are
// serialised by one mutex; by convention only the supervisor writes. What a
// reader gets cannot be written to: statuses are handed out by value, and hold
// nothing that is shared and exported. Nobody is waited for: a slow reader of Watch
// skips snapshots.
//
// An update copies one status, the 64 pointers of its chunk and one pointer per
// chunk. Only a change of the set of names costs time for all servers.
package stateview
