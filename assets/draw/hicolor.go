package main

import (
	"fmt"
	"image/color"
	"path"
	"strings"
)

// themeSizes are those that panels, menus and software centres ask for
// (freedesktop.org, Icon Theme Specification: 48 pixels at least).
var themeSizes = []int{16, 22, 24, 32, 48, 64, 128, 256}

// hicolor returns the program's icon as files of the icon theme that all others fall back to.
func hicolor() (map[string][]byte, error) {
	files := map[string][]byte{}
	ic := icons["normal"]
	for _, size := range themeSizes {
		data, err := encode(ic.render(size))
		if err != nil {
			return nil, err
		}
		files[fmt.Sprintf("%dx%d/apps/mcpproxy-tray.png", size, size)] = data
	}
	files[path.Join("scalable", "apps", "mcpproxy-tray.svg")] = ic.svg()
	return files, nil
}

// svg draws the tile and the hub as render does; a badge is for the tray alone.
func (ic icon) svg() []byte {
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">` + "\n")
	fmt.Fprintf(&b, `<rect x="1" y="1" width="28" height="28" rx="6.5" fill="%s"/>`+"\n", hex(ic.tile))
	fmt.Fprintf(&b, `<g fill="%s" stroke="%[1]s" stroke-width="2.3" stroke-linecap="round">`+"\n", hex(ic.hub))
	for _, n := range nodes {
		fmt.Fprintf(&b, `<path d="M%g %gL%g %g"/><circle cx="%[3]g" cy="%[4]g" r="3" stroke="none"/>`+"\n", centre.x, centre.y, n.x, n.y)
	}
	fmt.Fprintf(&b, `<circle cx="%g" cy="%g" r="4.1" stroke="none"/>`+"\n</g>\n</svg>\n", centre.x, centre.y)
	return []byte(b.String())
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
