//go:build unix && !darwin

package sni

import (
	"slices"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/tray/menu"
)

// The menu as panels know it has one item per slot, with the slot's ID, which
// never means anything else. A submenu that has not been visible has only its first
// item, to be known as one from the beginning (Plasma 5.27 never gives a submenu to
// an item that it first saw without). It gets the others, all at once, when it first
// becomes visible; those of hidden submenus are taken away at the same time, so that
// a panel never reads more than the 300 items that can be seen.

// A properties map is what an item looks like; what is not in it has its default.
// [dbusmenu, com.canonical.dbusmenu.xml, Menu Item Properties]
type properties map[string]dbus.Variant

type itemProperties struct {
	ID         int32
	Properties properties
}

type removedProperties struct {
	ID    int32
	Names []string
}

// A layout is an item with its items.
type layout struct {
	ID         int32
	Properties properties
	Items      []dbus.Variant // of layout
}

var (
	no        = dbus.MakeVariant(false)
	yes       = dbus.MakeVariant(true)
	separator = dbus.MakeVariant("separator")
	submenu   = dbus.MakeVariant("submenu")
	checkmark = dbus.MakeVariant("checkmark")
	marks     = map[bool]dbus.Variant{false: dbus.MakeVariant(int32(0)), true: dbus.MakeVariant(int32(1))}
)

// describe returns all properties of an item that are not its defaults.
func describe(s menu.Slot, n menu.Node) properties {
	p := properties{}
	if !n.Visible {
		p["visible"] = no
	}
	if s.Separator {
		p["type"] = separator
		return p
	}
	if n.Title != "" {
		p["label"] = dbus.MakeVariant(n.Title)
	}
	if !n.Enabled {
		p["enabled"] = no
	}
	if s.Checkable {
		p["toggle-type"] = checkmark
		p["toggle-state"] = marks[n.Checked]
	}
	if s.Chunk {
		p["children-display"] = submenu
	}
	return p
}

// changes returns the properties that tell a panel which knows old of now. What a
// hidden item shows is told when it is shown.
func changes(id menu.ID, old, now menu.Node) properties {
	s, _ := id.Slot()
	p := properties{}
	if old.Visible != now.Visible {
		p["visible"] = variant(now.Visible)
	}
	if s.Separator {
		return p
	}
	if old.Title != now.Title {
		p["label"] = dbus.MakeVariant(now.Title)
	}
	if old.Enabled != now.Enabled {
		p["enabled"] = variant(now.Enabled)
	}
	if s.Checkable && old.Checked != now.Checked {
		p["toggle-state"] = marks[now.Checked]
	}
	return p
}

func variant(b bool) dbus.Variant {
	if b {
		return yes
	}
	return no
}

// known reports whether panels have read of an item. The caller holds mu.
func (i *Item) known(id menu.ID) bool {
	s, ok := id.Slot()
	return ok && (s.Parent == 0 || i.grown[s.Parent-1] || id == s.Parent+1)
}

// grow gives submenus that have become visible their items, and reports whether
// there were any. The caller holds mu.
func (i *Item) grow() bool {
	slots := menu.Skeleton()
	shown := func(s menu.Slot) bool { return s.Chunk && i.nodes[s.ID-1].Visible }
	if !slices.ContainsFunc(slots, func(s menu.Slot) bool { return shown(s) && !i.grown[s.ID-1] }) {
		return false
	}
	for n, s := range slots {
		i.grown[n] = shown(s)
	}
	i.revision++
	return true
}

// layout returns an item with its items, depth levels of them, all if it is
// negative. It is false if there is no such item. The caller holds mu.
func (i *Item) layout(id menu.ID, depth int32, names []string) (l layout, ok bool) {
	if l.Properties, ok = i.describe(id, names); !ok {
		return layout{}, false
	}
	l.ID, l.Items = int32(id), []dbus.Variant{}
	if depth == 0 {
		return l, true
	}
	slots := menu.Skeleton()
	for n := int(id); n < len(slots) && (id == 0 || slots[n].Parent == id); n++ {
		if slots[n].Parent != id || !i.known(slots[n].ID) {
			continue
		}
		item, _ := i.layout(slots[n].ID, depth-1, names)
		l.Items = append(l.Items, dbus.MakeVariant(item))
	}
	return l, true
}

// describe returns an item's properties of those names; of all if there are none.
// The caller holds mu.
func (i *Item) describe(id menu.ID, names []string) (p properties, ok bool) {
	if id == 0 {
		p = properties{"children-display": submenu}
	} else if s, found := id.Slot(); found {
		p = describe(s, i.nodes[id-1])
	} else {
		return nil, false
	}
	if len(names) > 0 {
		for name := range p {
			if !slices.Contains(names, name) {
				delete(p, name)
			}
		}
	}
	return p, true
}
