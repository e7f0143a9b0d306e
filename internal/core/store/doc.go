// Package store keeps on disk what the program learned: approvals, the history
// of decisions, and the servers' state transitions. It is not for configuration
// (that is the config file) and it is in no read path: states are read from
// the view, approvals once at start. It also opens bbolt files of others, verified.
//
// All methods may be called concurrently. Approve and Revoke return after the
// decision is durable; Record only queues and never waits for the disk. A
// damaged file is an error, never a panic.
package store
