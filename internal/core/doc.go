// Package core builds and runs the program without its tray: configuration,
// supervisor, MCP endpoint, HTTP API and store, and the commands that change
// what should run. It draws nothing. One Core runs at a time per data directory.
package core
