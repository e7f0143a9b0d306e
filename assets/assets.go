// Package assets embeds the icons that the tray shows. It holds data only, which
// nobody may change; program draw makes the files.
package assets

import (
	"embed"
	"path"
)

//go:generate go run ./draw -o icons

//go:embed icons
var icons embed.FS

// Icon returns the tray icon of an overall state ("normal", "attention", "error"
// or "paused") in the form this platform's tray wants: an ICO file of several
// sizes on Windows, elsewhere a PNG of 32 pixels. It is nil for other states.
func Icon(state string) []byte { return read(state + trayForm) }

// PNG returns the icon of a state with that many pixels (16, 22, 32 or 48); nil if there is none.
func PNG(state, pixels string) []byte { return read(state + "-" + pixels + ".png") }

func read(name string) []byte {
	data, err := icons.ReadFile(path.Join("icons", name))
	if err != nil {
		return nil
	}
	return data
}
