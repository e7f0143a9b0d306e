// Command mcpproxy-tray supervises MCP servers from the desktop's tray and
// serves them to AI clients at one endpoint.
package main

func main() {}
