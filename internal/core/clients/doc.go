// Package clients knows where AI clients keep their configuration and reads the MCP
// servers that each starts or contacts by itself. It changes no file, and a file that
// is not there or cannot be understood is one without servers.
//
// Its functions keep nothing and may be called concurrently.
package clients
