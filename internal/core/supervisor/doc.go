// Package supervisor makes the servers that run match the servers that are
// wanted, and publishes what is true of each to the view. It is not for speaking
// MCP (that is the connector's side) nor for keeping decisions (the store's).
//
// One goroutine, the control loop in Run, owns all state and is the only writer
// of the view. Each server that shall run has one runner goroutine, which
// connects, watches, heals and waits. It tells the loop by reports and is told by
// orders; neither ever waits for the other. All exported methods may be called
// concurrently, also before Run.
package supervisor
