// Package stateview holds the newest immutable snapshot of all servers' states
// and announces each new one. It is the only thing the tray, the HTTP API, the
// MCP endpoint and the notifications read. It is not for desired state (that is
// the configuration) nor for history (that is the store).
//
// Reads never lock and never wait. Writes are serialised by one mutex; by
// convention only the supervisor writes.
package stateview
