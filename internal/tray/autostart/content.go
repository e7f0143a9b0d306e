package autostart

import (
	"encoding/xml"
	"strings"
)

// desktopEntry returns an XDG autostart entry.
//
// Desktop Entry Specification, "The Exec key": "Quoting must be done by enclosing
// the argument between double quotes and escaping the double quote character,
// backtick character ("`"), dollar sign ("$") and backslash character ("\") by
// preceding it with an additional backslash character. [...] Note that the general
// escape rule for values of type string states that the backslash character can be
// escaped as ("\\") as well and that this escape rule is applied before the quoting
// rule." and "Literal percentage characters must be escaped as %%."
func desktopEntry(program string) string {
	quoted := `"` + strings.NewReplacer(`"`, `\"`, "`", "\\`", `$`, `\$`, `\`, `\\`, `%`, `%%`).Replace(program) + `"`
	return `[Desktop Entry]
Type=Application
Name=mcpproxy-tray
Comment=Supervises MCP servers and shows them in the tray
Exec=` + strings.ReplaceAll(quoted, `\`, `\\`) + `
Icon=mcpproxy-tray
Terminal=false
StartupNotify=false
X-GNOME-Autostart-enabled=true
`
}

// off are the lines with which a desktop ignores an autostart entry.
var off = []string{"Hidden=true", "X-GNOME-Autostart-enabled=false"}

// agentLabel names the launch agent.
const agentLabel = "io.github.mcpproxy-tray"

// launchAgent returns a launch agent of macOS.
func launchAgent(program string) string {
	var path strings.Builder
	_ = xml.EscapeText(&path, []byte(program)) // a Builder never fails
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + agentLabel + `</string>
	<key>ProgramArguments</key>
	<array>
		<string>` + path.String() + `</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>ProcessType</key>
	<string>Interactive</string>
</dict>
</plist>
`
}

// runValue returns a value of the registry's Run key. A path has no quotes there.
func runValue(program string) string { return `"` + program + `"` }
