module mcpproxy-tray

go 1.26.0

require (
	fyne.io/systray v1.12.2 // indirect
	github.com/godbus/dbus/v5 v5.1.0 // indirect
	github.com/modelcontextprotocol/go-sdk v1.8.0 // indirect
	golang.org/x/sys v0.41.0 // indirect
)
