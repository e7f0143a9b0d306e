//go:build unix && !darwin

package sni

import (
	"math"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/tray/menu"
)

// A dbusMenu has the methods of com.canonical.dbusmenu, by the names they have there.
type dbusMenu struct{ i *Item }

// An event is what a panel says the user did.
type event struct {
	ID   int32
	Name string // "clicked", "hovered", "opened", "closed"
	Data dbus.Variant
	Time uint32 // milliseconds, of the panel's own clock
}

var errNoItem = dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"there is no such menu item"})

// slot returns the slot of an item's id; an id that no slot can have becomes one that is none.
func slot(id int32) menu.ID {
	if id < 0 || id > math.MaxUint16 {
		return math.MaxUint16
	}
	return menu.ID(id)
}

// GetLayout returns an item with its items; see reader for who gets the top level alone.
func (m dbusMenu) GetLayout(parent, depth int32, names []string, sender dbus.Sender) (uint32, layout, *dbus.Error) {
	m.i.mu.Lock()
	defer m.i.mu.Unlock()
	if (depth < 0 || depth > 1) && !m.i.reader(string(sender)).ready {
		depth = 1
	}
	l, ok := m.i.layout(slot(parent), depth, names)
	if !ok {
		return 0, layout{}, errNoItem
	}
	return m.i.revision, l, nil
}

// GetGroupProperties returns what items look like; all items if there are no ids.
func (m dbusMenu) GetGroupProperties(ids []int32, names []string, sender dbus.Sender) ([]itemProperties, *dbus.Error) {
	m.i.mu.Lock()
	defer m.i.mu.Unlock()
	m.i.knows(string(sender))
	if len(ids) == 0 {
		for _, s := range menu.Skeleton() {
			if m.i.known(s.ID) {
				ids = append(ids, int32(s.ID))
			}
		}
	}
	all := []itemProperties{}
	for _, id := range ids {
		if p, ok := m.i.describe(slot(id), names); ok {
			all = append(all, itemProperties{id, p})
		}
	}
	return all, nil
}

// GetProperty returns one property; one that has its default is an error, as in the
// reference implementation.
func (m dbusMenu) GetProperty(id int32, name string) (dbus.Variant, *dbus.Error) {
	m.i.mu.Lock()
	defer m.i.mu.Unlock()
	p, ok := m.i.describe(slot(id), []string{name})
	if v, has := p[name]; ok && has {
		return v, nil
	}
	return dbus.Variant{}, errNoItem
}

// Event takes what the user did.
func (m dbusMenu) Event(id int32, name string, _ dbus.Variant, _ uint32) *dbus.Error {
	s, ok := slot(id).Slot()
	if !ok && id != 0 {
		return errNoItem
	}
	if name == "clicked" && s.Clickable {
		m.i.o.Clicked(s.ID)
	}
	return nil
}

// EventGroup takes several events and returns the ids that there are not; it fails
// if there is none of them.
func (m dbusMenu) EventGroup(events []event) ([]int32, *dbus.Error) {
	missing := []int32{}
	for _, e := range events {
		if m.Event(e.ID, e.Name, e.Data, e.Time) != nil {
			missing = append(missing, e.ID)
		}
	}
	if len(events) > 0 && len(missing) == len(events) {
		return nil, errNoItem
	}
	return missing, nil
}

// AboutToShow says whether a submenu must be read again: never, panels are told of
// each change when it happens.
func (m dbusMenu) AboutToShow(int32) (bool, *dbus.Error) { return false, nil }

// AboutToShowGroup is AboutToShow for several.
func (m dbusMenu) AboutToShowGroup(ids []int32) (changed, missing []int32, err *dbus.Error) {
	missing = []int32{}
	for _, id := range ids {
		if _, ok := slot(id).Slot(); !ok && id != 0 {
			missing = append(missing, id)
		}
	}
	return []int32{}, missing, nil
}
