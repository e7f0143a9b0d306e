// Package store keeps on disk what people decided: approvals, and the history of
// decisions. It is not for configuration (that is the config file) nor for what
// happened (that is the history), and it is in no read path: approvals are read once
// at start, and a definition that was approved where a change of it is shown. It also
// opens bbolt files of others, verified.
//
// All methods may be called concurrently. Approve, ApproveTools, TakeFirst and Revoke
// return after the decision is durable. A damaged file is an error, never a panic.
package store
