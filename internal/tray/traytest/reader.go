package traytest

import (
	"cmp"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

const (
	itemIface = "org.kde.StatusNotifierItem"
	menuIface = "com.canonical.dbusmenu"
)

// A Reader reads the tray items on a bus, from a fake or a real panel's watcher.
type Reader struct{ conn *dbus.Conn }

// Attach opens a reader of the bus at an address, which may be a real panel's.
func Attach(t testing.TB, address string) *Reader {
	t.Helper()
	return &Reader{conn: connect(t, address)}
}

// Keys returns what the watcher lists, mostly "bus name/object path" each; nil if there is no watcher.
func (r *Reader) Keys() []string {
	v, err := r.conn.Object(watcherName, watcherPath).GetProperty(watcherName + ".RegisteredStatusNotifierItems")
	if err != nil {
		return nil
	}
	keys, _ := v.Value().([]string)
	return keys
}

// Item waits for an item with that Id (any, if empty) and returns it.
func (r *Reader) Item(t testing.TB, id string) *Item {
	t.Helper()
	var found *Item
	WaitFor(t, "a tray item "+id, func() bool {
		for _, key := range r.Keys() {
			name, path, _ := strings.Cut(key, "/")
			name = strings.TrimSuffix(name, "@") // as GNOME lists it
			path = cmp.Or(path, "StatusNotifierItem")
			it := &Item{Key: key, conn: r.conn, object: r.conn.Object(name, dbus.ObjectPath("/"+path)), counts: map[string]int{}}
			v, err := it.object.GetProperty(itemIface + ".Id")
			if err != nil {
				continue
			}
			if got, _ := v.Value().(string); id == "" || got == id {
				found = it
				return true
			}
		}
		return false
	})
	found.listen(t)
	return found
}

// An Item is one tray icon, with its menu.
type Item struct {
	Key    string // as the watcher lists it
	conn   *dbus.Conn
	object dbus.BusObject
	menu   dbus.BusObject
	owner  string

	mu     sync.Mutex // guards counts
	counts map[string]int
}

// listen finds the item's menu and begins to count its signals.
func (i *Item) listen(t testing.TB) {
	t.Helper()
	path, _ := i.Property(t, "Menu").Value().(dbus.ObjectPath)
	i.menu = i.conn.Object(i.object.Destination(), path)
	if err := i.conn.BusObject().Call("org.freedesktop.DBus.GetNameOwner", 0, i.object.Destination()).Store(&i.owner); err != nil {
		t.Fatalf("owner of the tray item: %v", err)
	}
	signals := make(chan *dbus.Signal, 1024)
	i.conn.Signal(signals)
	if err := i.conn.AddMatchSignal(dbus.WithMatchSender(i.owner)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case s, ok := <-signals:
				if !ok {
					return // the bus is gone
				}
				i.count(s)
			case <-done:
				return
			}
		}
	})
	t.Cleanup(func() {
		i.conn.RemoveSignal(signals)
		close(done)
		wg.Wait()
	})
}

func (i *Item) count(s *dbus.Signal) {
	if s.Sender != i.owner {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counts[s.Name[strings.LastIndexByte(s.Name, '.')+1:]]++
}

// Property reads a property of the tray item.
func (i *Item) Property(t testing.TB, name string) dbus.Variant {
	t.Helper()
	v, err := i.object.GetProperty(itemIface + "." + name)
	if err != nil {
		t.Fatalf("read the tray item's %s: %v", name, err)
	}
	return v
}

// Tooltip returns the title of the item's tooltip.
func (i *Item) Tooltip(t testing.TB) string {
	t.Helper()
	fields, _ := i.Property(t, "ToolTip").Value().([]any)
	if len(fields) < 3 {
		return ""
	}
	title, _ := fields[2].(string)
	return title
}

// Icon returns the size of the item's picture and its ARGB bytes.
func (i *Item) Icon(t testing.TB) (width, height int, argb []byte) {
	t.Helper()
	var pictures []struct {
		Width, Height int32
		ARGB          []byte
	}
	if err := i.Property(t, "IconPixmap").Store(&pictures); err != nil || len(pictures) == 0 {
		t.Fatalf("read the tray item's picture: %v", err)
	}
	p := pictures[0]
	return int(p.Width), int(p.Height), p.ARGB
}

// Signals returns how many signals of each name the item sent since it was found
// or since the last ResetSignals. A call to the item before it makes sure that
// all it sent until then are counted.
func (i *Item) Signals(t testing.TB) map[string]int {
	t.Helper()
	i.settle(t)
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.counts)
}

// SignalCount returns the sum of Signals.
func (i *Item) SignalCount(t testing.TB) int {
	t.Helper()
	n := 0
	for _, c := range i.Signals(t) {
		n += c
	}
	return n
}

// ResetSignals begins to count anew.
func (i *Item) ResetSignals(t testing.TB) {
	t.Helper()
	i.settle(t)
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.counts)
}

// settle makes two round trips: the bus delivers in order, so what the item
// sent before its answer has arrived; then it waits until it was counted.
func (i *Item) settle(t testing.TB) {
	t.Helper()
	i.Property(t, "Id")
	before := -1
	WaitFor(t, "signals to be counted", func() bool {
		i.mu.Lock()
		defer i.mu.Unlock()
		n := 0
		for _, c := range i.counts {
			n += c
		}
		same := n == before
		before = n
		return same
	})
}
