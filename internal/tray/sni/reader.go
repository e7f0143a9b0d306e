//go:build unix && !darwin

package sni

import "time"

const (
	maxReaders = 32                     // on one bus; more begin anew
	firstLook  = 2 * time.Second        // for a panel to ask what the items look like, which not every one does
	secondLook = 150 * time.Millisecond // after that answer, for the panel to make use of it
)

// A reader is a panel that reads the menu. libdbusmenu-gtk makes a submenu when it
// knows what its item looks like, and drops the items that it hears of before, so that
// the submenu stays empty (seen with waybar 0.9.17 and xfce4-panel 4.18). So a reader
// gets the top level alone until it has asked what that looks like; then it is told
// that there is more.
type reader struct {
	ready bool
	timer *time.Timer // until it is
}

// reader returns what is known of a panel by its unique name on the bus. The caller holds mu.
func (i *Item) reader(name string) *reader {
	r := i.readers[name]
	if r == nil {
		if len(i.readers) >= maxReaders {
			i.forgetReaders()
		}
		r = &reader{}
		b := i.bus
		r.timer = time.AfterFunc(firstLook, func() { i.ready(r, b) })
		i.readers[name] = r
	}
	return r
}

// knows is told that a panel asked what items look like. The caller holds mu.
func (i *Item) knows(name string) {
	if r := i.readers[name]; r != nil && !r.ready {
		r.timer.Reset(secondLook)
	}
}

// ready has a panel, on a connection that may have ended, read the whole menu.
func (i *Item) ready(r *reader, b *bus) {
	i.mu.Lock()
	i.revision++
	r.ready = true
	revision := i.revision
	i.mu.Unlock()
	if b != nil {
		b.emit(menuPath, menuIface+".LayoutUpdated", revision, int32(0))
	}
}

// forgetReaders begins anew. The caller holds mu.
func (i *Item) forgetReaders() {
	for _, r := range i.readers {
		r.timer.Stop()
	}
	clear(i.readers)
}
