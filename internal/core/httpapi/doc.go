// Package httpapi serves the read model as JSON, as a stream of events and as a page,
// takes commands, and is the front door of everything that listens: each
// request, whatever its route, passes the same checks of Host, Origin,
// Sec-Fetch-Site and token before its body is read. It is not for the MCP
// protocol, which is a handler given to it, nor for deciding what a command
// does.
//
// A Server is safe for concurrent use. Reads are answered from one snapshot and
// never wait for a server, nor for the disk unless they ask for a log or the history.
// Each stream belongs to the goroutine of its request; a reader that does not read
// holds up only itself.
package httpapi
