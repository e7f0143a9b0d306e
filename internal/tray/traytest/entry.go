package traytest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// An Entry is one entry of a menu as a panel reads it over com.canonical.dbusmenu.
type Entry struct {
	ID        int32
	Label     string // as people see it: mnemonics resolved
	Raw       string // as it came
	Enabled   bool
	Visible   bool
	Separator bool
	Submenu   bool
	Toggle    int // -1 if it has no check mark, else 0 or 1
	Children  []Entry
}

// layout is an entry as dbusmenu sends it.
type layout struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// Menu reads the whole menu, hidden entries included.
func (i *Item) Menu(t testing.TB) Entry {
	t.Helper()
	e, err := i.read()
	if err != nil {
		t.Fatalf("read the menu: %v", err)
	}
	return e
}

// LayoutBytes returns the size of the full menu as one message on the bus.
func (i *Item) LayoutBytes(t testing.TB) int {
	t.Helper()
	i.Menu(t) // the first answer of all may lack the submenus
	call := i.menu.Call(menuIface+".GetLayout", 0, int32(0), int32(-1), []string{})
	if call.Err != nil {
		t.Fatalf("read the menu: %v", call.Err)
	}
	msg := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldSignature:   dbus.MakeVariant(dbus.ParseSignatureMust("u(ia{sv}av)")),
		dbus.FieldReplySerial: dbus.MakeVariant(uint32(1)),
	}, Body: call.Body}
	var b bytes.Buffer
	if err := msg.EncodeTo(&b, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

// Top reads the menu's top level alone, hidden entries included.
func (i *Item) Top(t testing.TB) []Entry {
	t.Helper()
	var revision uint32
	var l layout
	if err := i.menu.Call(menuIface+".GetLayout", 0, int32(0), int32(1), []string{}).Store(&revision, &l); err != nil {
		t.Fatalf("read the menu: %v", err)
	}
	e, err := entry(l)
	if err != nil {
		t.Fatal(err)
	}
	return e.Children
}

func (i *Item) read() (Entry, error) {
	var e Entry
	for deadline := time.Now().Add(3 * time.Second); ; {
		var revision uint32
		var l layout
		call := i.menu.Call(menuIface+".GetLayout", 0, int32(0), int32(-1), []string{})
		if err := call.Store(&revision, &l); err != nil {
			return Entry{}, err
		}
		var err error
		if e, err = entry(l); err != nil || !e.incomplete() || time.Now().After(deadline) {
			return e, err
		}
		// The first answer holds no submenus' contents: go on as a panel does.
		var ids []int32
		for _, c := range e.Children {
			ids = append(ids, c.ID)
		}
		i.menu.Call(menuIface+".GetGroupProperties", 0, ids, []string{}) // whether it answers does not matter here
		time.Sleep(200 * time.Millisecond)
	}
}

func (e Entry) incomplete() bool {
	for _, c := range e.Children {
		if c.Submenu && len(c.Children) == 0 {
			return true
		}
	}
	return false
}

func entry(l layout) (Entry, error) {
	e := Entry{ID: l.ID, Enabled: true, Visible: true, Toggle: -1}
	str := func(key string) string { s, _ := l.Properties[key].Value().(string); return s }
	e.Raw = str("label")
	e.Label = unescape(e.Raw)
	e.Separator = str("type") == "separator"
	e.Submenu = str("children-display") == "submenu"
	if v, ok := l.Properties["enabled"].Value().(bool); ok {
		e.Enabled = v
	}
	if v, ok := l.Properties["visible"].Value().(bool); ok {
		e.Visible = v
	}
	if v, ok := l.Properties["toggle-state"].Value().(int32); ok && str("toggle-type") != "" {
		e.Toggle = int(v)
	}
	for _, v := range l.Children {
		var child layout
		if err := dbus.Store([]any{v.Value()}, &child); err != nil {
			return e, err
		}
		c, err := entry(child)
		if err != nil {
			return e, err
		}
		e.Children = append(e.Children, c)
	}
	return e, nil
}

// unescape resolves mnemonics as GTK does: "__" is an underscore, a single one vanishes.
func unescape(label string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(label, "__", "\x00"), "_", ""), "\x00", "_")
}

// Find follows labels down the visible entries. A step is a whole label or
// words of it ("github" finds "● github · connected"); it must be unique.
func (e Entry) Find(path ...string) (Entry, error) {
	for n, want := range path {
		var exact, loose []Entry
		for _, c := range e.Children {
			switch {
			case !c.Visible:
			case c.Label == want:
				exact = append(exact, c)
			case strings.Contains(" "+c.Label+" ", " "+want+" "):
				loose = append(loose, c)
			}
		}
		if len(exact) == 0 {
			exact = loose
		}
		if len(exact) != 1 {
			return Entry{}, fmt.Errorf("%d entries match %q (step %d of %q) in\n%v", len(exact), want, n+1, path, e)
		}
		e = exact[0]
	}
	return e, nil
}

// Has reports whether Find finds an entry.
func (e Entry) Has(path ...string) bool {
	_, err := e.Find(path...)
	return err == nil
}

// Count returns how many entries the menu has, hidden ones and separators included.
func (e Entry) Count() int {
	n := len(e.Children)
	for _, c := range e.Children {
		n += c.Count()
	}
	return n
}

// String draws the visible entries as a tree.
func (e Entry) String() string {
	var b strings.Builder
	e.write(&b, "")
	return b.String()
}

func (e Entry) write(b *strings.Builder, indent string) {
	for _, c := range e.Children {
		if !c.Visible {
			continue
		}
		switch {
		case c.Separator:
			fmt.Fprintf(b, "%s----\n", indent)
			continue
		case !c.Enabled:
			fmt.Fprintf(b, "%s(%s)", indent, c.Label)
		default:
			fmt.Fprintf(b, "%s%s", indent, c.Label)
		}
		if c.Toggle >= 0 {
			fmt.Fprintf(b, " [%d]", c.Toggle)
		}
		b.WriteByte('\n')
		c.write(b, indent+"  ")
	}
}

// WaitMenu reads the menu until cond holds, and returns it.
func (i *Item) WaitMenu(t testing.TB, what string, cond func(Entry) bool) Entry {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		e, err := i.read()
		switch {
		case err == nil && cond(e):
			return e
		case time.Now().After(deadline):
			t.Fatalf("waited %v in vain for the menu: %s (%v)\n%v", Patience, what, err, e)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// WaitEntry waits until Find finds an entry and returns it.
func (i *Item) WaitEntry(t testing.TB, path ...string) Entry {
	t.Helper()
	e := i.WaitMenu(t, strings.Join(path, " / "), func(e Entry) bool { return e.Has(path...) })
	found, err := e.Find(path...)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Click waits until the entry is there and clicks it as a panel does: about to show, opened, clicked, closed.
func (i *Item) Click(t testing.TB, path ...string) {
	t.Helper()
	e := i.WaitEntry(t, path...)
	if !e.Enabled || e.Separator {
		t.Fatalf("the menu entry %q cannot be clicked", path)
	}
	i.ClickID(t, e.ID)
}

// ClickID clicks the entry with that id, whatever it is now.
func (i *Item) ClickID(t testing.TB, id int32) {
	t.Helper()
	now := uint32(time.Now().Unix())
	i.menu.Call(menuIface+".AboutToShow", 0, int32(0))
	for _, event := range []struct {
		id   int32
		name string
	}{{0, "opened"}, {id, "clicked"}} {
		if err := i.menu.Call(menuIface+".Event", 0, event.id, event.name, dbus.MakeVariant(""), now).Err; err != nil {
			t.Fatalf("%s: %v", event.name, err)
		}
	}
	// The program may have ended by this click: its answer does not matter.
	i.menu.Call(menuIface+".Event", 0, int32(0), "closed", dbus.MakeVariant(""), now)
}
