// Package mcpheader has the HTTP headers in which a client of MCP's revision
// 2026-07-28 repeats what its message says (Streamable HTTP, "Standard MCP Request
// Headers" and "Custom Headers from Tool Parameters", SEP-2243): how a value is
// written, and which arguments of a call a tool wants repeated.
//
// A Book may be used by any number of goroutines; nothing else has state.
package mcpheader
