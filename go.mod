module mcpproxy-tray

go 1.26.0
