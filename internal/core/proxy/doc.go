// Package proxy serves the MCP endpoint for clients: every approved tool, and the
// prompts and resources, of every connected server at /mcp, the same tools behind a
// search at /mcp/search, one server's own at /mcp/server/{name}. It
// reads what there is from stateview snapshots and sends calls on through
// Upstreams; it starts and stops no server and decides no approval.
//
// Payloads are relayed as raw JSON: a tool definition, a call's params and a
// result are the bytes that server and client wrote, but for the tool's name. A
// front of our own answers what is relayed (post); the MCP library does handshakes,
// sessions, pings and the event streams that a client keeps open, and never sees a
// payload. Line breaks between JSON tokens become spaces, because an event stream
// ends a line there.
//
// An Endpoint may be used by any number of goroutines. Its tables are immutable
// and replaced whole; while nothing changes no goroutine of it wakes.
package proxy
