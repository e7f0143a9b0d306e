//go:build unix && !darwin

package ui

import "fyne.io/systray"

// prepare sets what systray reads when it exports its properties; the first
// title becomes the item's Id.
func (d *drawer) prepare() {
	d.t.mu.Lock()
	icon, tooltip := d.t.want.Icon, d.t.want.Tooltip
	d.t.mu.Unlock()
	systray.SetTitle(d.t.o.ID)
	systray.SetIcon(d.t.o.Icon(icon))
	systray.SetTooltip(tooltip)
}
