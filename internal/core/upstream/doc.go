// Package upstream holds one session to one MCP server, over a child's stdio,
// over streamable HTTP or over the older HTTP+SSE. It relays raw JSON: requests
// and results pass as the bytes that client and server wrote. It does not decide
// when to connect or retry (that is the supervisor), nor which tools are shown.
//
// The MCP library negotiates: it speaks the handshake of both protocol eras over
// our own transport ("wire"), and sees the replies to that alone. What the server
// asks and tells goes to the client whose request it belongs to (see call.Client), to
// nobody if that is not certain, or, if it is for all, to Connector.Notify.
//
// All methods of a Session may be called concurrently. Every goroutine of a
// session ends before its Close returns, but for those that are stuck with a process
// which cannot be ended; an idle session has no timer running but
// for that of an open HTTP/2 connection, which finds a peer that has vanished.
package upstream
