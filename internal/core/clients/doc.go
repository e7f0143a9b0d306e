// Package clients knows where AI clients keep their configuration and how each writes an
// MCP server. It reads the servers that they start or contact by themselves, puts our
// endpoint into their files and takes it out again.
//
// A file is changed at one place: comments, order, indentation, line endings, mode and
// links stay. What is to be written is worked out first, as a Change that can be shown,
// and written only if the file is still what the Change was made from. What cannot be
// understood is never written; for reading it is a file without servers.
//
// Functions and Clients may be used concurrently; two Users with the same folder must not
// write at the same time.
package clients
