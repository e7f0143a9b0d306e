//go:build windows || (darwin && cgo)

package ui

import (
	"context"
	"sync"
	"time"

	"fyne.io/systray"

	"mcpproxy-tray/internal/tray/menu"
)

// A drawer owns the items in the tray: it alone calls systray, first from
// ready, then from run.
//
// Items are never removed: Remove under a click panics in the library, and
// Windows has few item numbers. On Windows touching a hidden item shows
// it, so a hidden one is left alone until it is shown again.
type drawer struct {
	t       *Tray
	items   []*systray.MenuItem // by slot; nil until created
	have    []menu.Node         // what each item shows
	next    *menu.Menu
	icon    menu.Icon
	tooltip string
	built   chan struct{}
	closed  chan struct{} // ends the click goroutines
	clicks  sync.WaitGroup
}

func newDrawer(t *Tray) *drawer {
	blank := menu.Blank()
	return &drawer{t: t, items: make([]*systray.MenuItem, len(blank.Nodes)), have: blank.Nodes, next: menu.Blank(),
		built: make(chan struct{}), closed: make(chan struct{})}
}

func (d *drawer) end() {
	close(d.closed)
	d.clicks.Wait()
}

// ready creates the fixed slots.
func (d *drawer) ready() {
	d.t.take(d.next)
	systray.SetIcon(d.t.o.Icon(d.next.Icon))
	systray.SetTooltip(d.next.Tooltip)
	d.icon, d.tooltip = d.next.Icon, d.next.Tooltip
	for _, s := range menu.Skeleton() {
		switch {
		case s.Parent != 0:
		case s.Separator:
			systray.AddSeparator()
		default:
			d.create(s, systray.AddMenuItem, systray.AddMenuItemCheckbox)
		}
	}
	for i, s := range menu.Skeleton() {
		if s.Chunk && d.have[i].Visible {
			d.fill(s.ID)
		}
	}
	close(d.built)
}

// run draws what changes until ctx is done.
func (d *drawer) run(ctx context.Context) {
	select {
	case <-d.built:
	case <-time.After(readyTime):
		d.t.setStatus(Status{Available: true, Reason: "the desktop did not accept the icon"})
		select {
		case <-d.built:
		case <-ctx.Done():
			return
		}
	case <-ctx.Done():
		return
	}
	d.t.setStatus(Status{Available: true, Host: true})
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.t.wake:
			d.redraw()
		}
	}
}

func (d *drawer) redraw() {
	for _, id := range d.t.take(d.next) {
		d.draw(id)
	}
	if d.icon != d.next.Icon {
		d.icon = d.next.Icon
		systray.SetIcon(d.t.o.Icon(d.icon))
	}
	if d.tooltip != d.next.Tooltip {
		d.tooltip = d.next.Tooltip
		systray.SetTooltip(d.tooltip)
	}
}

// draw makes one slot show what is wanted with the fewest calls.
func (d *drawer) draw(id menu.ID) {
	s, _ := id.Slot()
	want, have, item := d.next.At(id), &d.have[id-1], d.items[id-1]
	if item == nil || s.Parent != 0 && !d.have[s.Parent-1].Visible {
		return // drawn with its parent
	}
	if !want.Visible {
		if have.Visible {
			item.Hide()
			have.Visible = false
		}
		return
	}
	if have.Title != want.Title {
		item.SetTitle(want.Title)
	}
	if have.Enabled != want.Enabled {
		if want.Enabled {
			item.Enable()
		} else {
			item.Disable()
		}
	}
	if have.Checked != want.Checked {
		if want.Checked {
			item.Check()
		} else {
			item.Uncheck()
		}
	}
	appeared := !have.Visible
	if appeared {
		item.Show()
	}
	*have = want
	if appeared && s.Chunk {
		d.fill(id)
	}
}

// fill draws a visible parent's children, and creates them the first time.
func (d *drawer) fill(parent menu.ID) {
	slots := menu.Skeleton()
	for i := int(parent); i < len(slots) && slots[i].Parent == parent; i++ {
		if d.items[i] == nil {
			d.create(slots[i], d.items[parent-1].AddSubMenuItem, d.items[parent-1].AddSubMenuItemCheckbox)
		} else {
			d.draw(slots[i].ID)
		}
	}
}

// create makes an item as it is wanted. Items start enabled and visible.
func (d *drawer) create(s menu.Slot, add func(title, tooltip string) *systray.MenuItem,
	addCheckable func(title, tooltip string, checked bool) *systray.MenuItem) {
	want := d.next.At(s.ID)
	var item *systray.MenuItem
	if s.Checkable {
		item = addCheckable(want.Title, "", want.Checked)
	} else {
		item = add(want.Title, "")
	}
	if want.Visible && !want.Enabled {
		item.Disable()
	}
	if !want.Visible {
		item.Hide()
		want = menu.Node{ID: s.ID, Title: want.Title, Enabled: true, Checked: want.Checked}
	}
	d.items[s.ID-1], d.have[s.ID-1] = item, want
	if s.Clickable {
		d.clicks.Go(func() { d.listen(item, s.ID) })
	}
}

// listen forwards clicks. The library drops a click that nobody waits for, so
// this does nothing else.
func (d *drawer) listen(item *systray.MenuItem, id menu.ID) {
	for {
		select {
		case _, ok := <-item.ClickedCh:
			if !ok {
				return
			}
			d.t.click(id)
		case <-d.closed:
			return
		}
	}
}
