// Package bridge takes MCP over stdio to the endpoint of a running instance, for
// clients that can start a program but not speak HTTP. Messages pass as they are,
// each on one line; the bridge looks only at their ids and methods. It outlives the
// instance: when that was started again, the client's session is opened anew without
// the client's doing. It supervises nothing and starts no instance.
//
// Run owns all goroutines and returns when they have ended, but for one that may be
// stuck in a read of its input, which only the end of the process ends.
package bridge
